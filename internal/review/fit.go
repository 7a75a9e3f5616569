package review

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// level says how early a block loses rows when a comment is too long. This is
// the declared order: the first level goes first.
type level int

const (
	levelChart        level = iota // the lineage chart
	levelPassed                    // what passed
	levelFolded                    // curves, matrices, long lists
	levelDiff                      // data, files, tensors, interface
	levelStages                    // what promotion would meet
	levelMetrics                   // metrics with their intervals
	levelWarnings                  // findings that decide nothing
	levelInconclusive              // findings that need more data
	levelMoreFailed                // findings that fail, past the first of each artifact
	levelFailed                    // the first findings that fail
	levelChanges                   // the table of what changed
	levels                         // how many there are
)

// block is a piece of a comment. Its rows can be dropped from the end; head and
// tail go with the last of them.
type block struct {
	level      level
	noun       string // what a row is: "failed check"
	head, tail string
	rows       []string
	more       int  // rows that were left out before
	joins      bool // its rows go on with the table of the block before, if that ends with one
}

// reserve is what the sentences about omissions take: one in a block that lost
// rows, and one at the end.
const (
	reserveBlock = 80
	reserveEnd   = 1200
)

func (b *block) size() int {
	n := len(b.head) + len(b.tail)
	for _, r := range b.rows {
		n += len(r)
	}
	if b.more > 0 {
		n += reserveBlock
	}
	return n
}

// fit joins head and blocks to at most limit bytes.
func fit(head string, blocks []block, limit int, link string) string {
	size := len(head) + reserveEnd
	for i := range blocks {
		size += blocks[i].size()
	}
	gone := map[string]int{} // rows of blocks that are gone as a whole
	for l := level(0); l < levels && size > limit; l++ {
		for i := len(blocks) - 1; i >= 0 && size > limit; i-- {
			b := &blocks[i]
			if b.level != l {
				continue
			}
			before := b.size()
			size -= before - b.shorten(before-(size-limit))
			if len(b.rows) > 0 || b.noun == "" {
				continue
			}
			if i > 0 && b.joins && blocks[i-1].noun == b.noun && len(blocks[i-1].rows) > 0 {
				if blocks[i-1].more == 0 {
					size += reserveBlock
				}
				blocks[i-1].more += b.more // which says it where it was
			} else {
				gone[b.noun] += b.more
			}
			b.more = 0
		}
	}
	out := &strings.Builder{}
	out.WriteString(head)
	for i := range blocks {
		joined := blocks[i].joins && i > 0 && len(blocks[i-1].rows) > 0 && blocks[i-1].more == 0
		blocks[i].write(out, joined)
	}
	end(out, gone, link)
	return out.String()
}

// shorten drops rows until the block has at most room bytes, and returns how
// many it then has.
func (b *block) shorten(room int) int {
	size := b.size()
	for len(b.rows) > 0 && size > room {
		last := len(b.rows) - 1
		if b.more == 0 {
			size += reserveBlock
		}
		size -= len(b.rows[last])
		b.rows = b.rows[:last]
		b.more++
	}
	if len(b.rows) == 0 {
		b.head, b.tail = "", ""
		return 0
	}
	return size
}

func (b *block) write(out *strings.Builder, joined bool) {
	if len(b.rows) == 0 {
		return
	}
	if !joined {
		out.WriteString(b.head)
	}
	for _, r := range b.rows {
		out.WriteString(r)
	}
	if b.more > 0 {
		out.WriteString("\n… " + report.Count(int64(b.more), "more "+b.noun) + " in the report\n")
	}
	out.WriteString(b.tail)
}

// end says what was left out as a whole.
func end(out *strings.Builder, gone map[string]int, link string) {
	var parts []string
	for _, noun := range []string{"failed check", "inconclusive check", "warning", "remark", "artifact", "stage", "section", "chart", "passed check"} {
		if n := gone[noun]; n > 0 {
			parts = append(parts, report.Count(int64(n), noun))
		}
	}
	switch {
	case len(parts) > 0:
		out.WriteString("\nLeft out here, and in " + link + ": " + strings.Join(parts, ", ") + ".\n")
	case strings.HasPrefix(link, "["):
		out.WriteString("\nEverything is in " + link + ".\n")
	}
}
