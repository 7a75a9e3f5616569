package license

import (
	"strings"
	"unicode"
)

// maxText is how much of a text is looked at. The longest of the licences that
// are recognised, the GPL, has 35 kB.
const maxText = 256 << 10

// phrases are words that the text of a long licence has and others do not, as
// normalize writes them; all of has must be there.
var phrases = []struct {
	id    string
	has   []string
	lacks string // tells it from a longer one with the same words
}{
	{"Apache-2.0", []string{"apache license version 2 0 january 2004"}, ""},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, ""},
	{"MPL-2.0", []string{"mozilla public license version 2 0 1 definitions"}, ""},
	{"GPL-2.0", []string{"gnu general public license version 2 june 1991"}, ""},
	{"GPL-3.0", []string{"gnu general public license version 3 29 june 2007"}, "gnu lesser general public license version 3 29 june 2007"}, // which may bring it along
	{"LGPL-2.1", []string{"gnu lesser general public license version 2 1 february 1999"}, ""},
	{"LGPL-3.0", []string{"gnu lesser general public license version 3 29 june 2007"}, ""},
	{"AGPL-3.0", []string{"gnu affero general public license version 3 19 november 2007"}, ""},
	{"CC0-1.0", []string{"cc0 1 0 universal"}, ""},
	{"CC-BY-4.0", []string{"creative commons attribution 4 0 international public license"}, ""},
	{"CC-BY-SA-4.0", []string{"creative commons attribution sharealike 4 0 international public license"}, ""},
	{"CC-BY-NC-4.0", []string{"creative commons attribution noncommercial 4 0 international public license"}, ""},
	{"CC-BY-ND-4.0", []string{"creative commons attribution noderivatives 4 0 international public license"}, ""},
	{"CC-BY-NC-SA-4.0", []string{"creative commons attribution noncommercial sharealike 4 0 international public license"}, ""},
	{"CC-BY-NC-ND-4.0", []string{"creative commons attribution noncommercial noderivatives 4 0 international public license"}, ""},
	{"LicenseRef-CreativeML-OpenRAIL-M", []string{"creativeml open rail m", "use restrictions"}, "open rail m license creativeml open rail m"},
	{"LicenseRef-BigScience-OpenRAIL-M", []string{"bigscience open rail m license", "use restrictions"}, ""},
	{"LicenseRef-BigScience-BLOOM-RAIL-1.0", []string{"bigscience rail license v1 0", "use restrictions"}, ""},
	{"LicenseRef-BigCode-OpenRAIL-M", []string{"bigcode open rail m", "use restrictions"}, ""},
	{"LicenseRef-Llama-2", []string{"llama 2 community license agreement"}, ""},
	{"LicenseRef-Llama-3", []string{"meta llama 3 community license agreement"}, ""},
	{"LicenseRef-Llama-3.1", []string{"llama 3 1 community license agreement"}, ""},
	{"LicenseRef-Llama-3.2", []string{"llama 3 2 community license agreement"}, ""},
	{"LicenseRef-Llama-3.3", []string{"llama 3 3 community license agreement"}, ""},
	{"LicenseRef-Llama-4", []string{"llama 4 community license agreement"}, ""},
	{"LicenseRef-Gemma", []string{"gemma terms of use", "prohibited use policy"}, ""},
}

// bodies are the short licences, which many others begin as: nothing may be
// added to them but what stands before (a title, copyright lines) and, at each
// "…", a few words such as a name or the number in a list.
var bodies = []struct {
	id    string
	words string
}{
	{"MIT", "permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files the software to deal in " +
		"the software without restriction including without limitation the rights to use copy modify merge publish distribute sublicense and or sell copies of the " +
		"software and to permit persons to whom the software is furnished to do so subject to the following conditions the above copyright notice and this " +
		"permission notice … shall be included in all copies or substantial portions of the software the software is provided as is without warranty of any kind " +
		"express or implied including but not limited to the warranties of merchantability fitness for a particular purpose and noninfringement in no event shall " +
		"the authors or copyright holders be liable for any claim damages or other liability whether in an action of contract tort or otherwise arising from out of " +
		"or in connection with the software or the use or other dealings in the software"},
	{"BSD-2-Clause", bsdConditions + " … " + bsdDisclaimer},
	{"BSD-3-Clause", bsdConditions + " … neither the name of … nor the names of … contributors may be used to endorse or promote products derived from this " +
		"software without specific prior written permission … " + bsdDisclaimer},
	{"ISC", "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted provided that the above copyright " +
		"notice and this permission notice appear in all copies … the software is provided as is and … disclaims all warranties with regard to this software " +
		"including all implied warranties of merchantability and fitness in no event shall … be liable for any special direct indirect or consequential damages or " +
		"any damages whatsoever resulting from loss of use data or profits whether in an action of contract negligence or other tortious action arising out of or " +
		"in connection with the use or performance of this software"},
}

const (
	bsdConditions = "redistribution and use in source and binary forms with or without modification are permitted provided that the following conditions are met … " +
		"redistributions of source code must retain the above copyright notice this list of conditions and the following disclaimer … redistributions in binary " +
		"form must reproduce the above copyright notice this list of conditions and the following disclaimer in the documentation and or other materials provided " +
		"with the distribution"
	bsdDisclaimer = "this software is provided by … as is and any express or implied warranties including but not limited to the implied warranties of " +
		"merchantability and fitness for a particular purpose are disclaimed in no event shall … be liable for any direct indirect incidental special exemplary " +
		"or consequential damages including but not limited to procurement of substitute goods or services loss of use data or profits or business interruption " +
		"however caused and on any theory of liability whether in contract strict liability or tort including negligence or otherwise arising in any way out of " +
		"the use of this software even if advised of the possibility of such damage"

	mostBefore = 2000 // bytes before a body
	mostAmid   = 80   // bytes at each "…"
)

// Recognize tells which of the common licences a text is, by words that they
// alone have, or by the line SPDX-License-Identifier that it begins with; nil
// when it is none of them or more than one. A text of the GPL does not say
// whether later versions are allowed.
func Recognize(text string) *Expression {
	text = text[:min(len(text), maxText)]
	if e := tagged(text); e != nil {
		return e
	}
	words := normalize(text)
	found := ""
	for _, p := range phrases {
		if matches(words, p.has, p.lacks) {
			if found != "" {
				return nil
			}
			found = p.id
		}
	}
	for _, b := range bodies {
		if isBody(words, b.words) {
			if found != "" {
				return nil
			}
			found = b.id
		}
	}
	if found == "" {
		return nil
	}
	return &Expression{ID: found}
}

func matches(words string, has []string, lacks string) bool {
	for _, phrase := range has {
		if !strings.Contains(words, " "+phrase+" ") {
			return false
		}
	}
	return lacks == "" || !strings.Contains(words, lacks)
}

// isBody tells whether words end with the pieces of a body.
func isBody(words, body string) bool {
	most := mostBefore
	for piece := range strings.SplitSeq(body, "…") {
		piece = " " + strings.TrimSpace(piece) + " "
		i := strings.Index(words[:min(len(words), most+len(piece))], piece)
		if i < 0 {
			return false
		}
		words = words[i+len(piece)-1:] // the space belongs to both
		most = mostAmid
	}
	return words == " "
}

// tagged reads the licence out of one of the first lines (SPDX 2.3, annex E).
func tagged(text string) *Expression {
	lines := 0
	for line := range strings.Lines(text) {
		if _, id, ok := strings.Cut(line, "SPDX-License-Identifier:"); ok && len(id) <= maxLength {
			if e, err := Parse(strings.Trim(id, " \t\r\n*/#->")); err == nil {
				return e
			}
		}
		if lines++; lines == 10 {
			break
		}
	}
	return nil
}

// normalize keeps words of letters and digits in lower case, one space before
// and after each: line breaks, quotes and lists differ from copy to copy.
func normalize(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 2)
	b.WriteByte(' ')
	space := true
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
			space = false
		} else if !space {
			b.WriteByte(' ')
			space = true
		}
	}
	if !space {
		b.WriteByte(' ')
	}
	return b.String()
}
