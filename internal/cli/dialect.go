package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/table"
)

// dialectFlags are the flags of commands that read files of which no manifest
// says how they are written.
type dialectFlags struct{ delimiter, encoding string }

func (d *dialectFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.delimiter, "delimiter", "", "what stands between the fields of CSV files, or tab (default a comma, or what the first rows suggest)")
	f.StringVar(&d.encoding, "encoding", "", "encoding of CSV files: "+strings.Join(table.Encodings, ", ")+" (default by byte order mark, or utf-8)")
}

func (d *dialectFlags) dialect() (table.Dialect, error) {
	out := table.Dialect{Encoding: d.encoding}
	switch {
	case d.delimiter == "":
	case d.delimiter == "tab" || d.delimiter == `\t`:
		out.Delimiter = '\t'
	case len(d.delimiter) == 1:
		out.Delimiter = d.delimiter[0]
	default:
		return out, usageError{fmt.Errorf("--delimiter %q: expected one ASCII character, or tab", d.delimiter)}
	}
	if err := out.Check(); err != nil {
		return out, usageError{fmt.Errorf("--%w", err)}
	}
	return out, nil
}

// noteAssumed says what was found out about a CSV file and is not the usual.
func (a *app) noteAssumed(f table.File) {
	if table.Format(f.Name) != ".csv" {
		return
	}
	r, err := table.Open(a.ctx, f, table.Options{Columns: []string{}})
	if err != nil {
		return // whoever reads the file says so
	}
	defer r.Close()
	if what := table.Assumed(r); what != "" {
		a.note("%s: %s, as the first rows suggest; --delimiter says otherwise", f.Name, what)
	}
}
