package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/demo"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/imagecheck"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/schemas"
)

func (a *app) demoCommand() *cobra.Command {
	var dir, reviews string
	var keep bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole story in a folder: train, check, register, approve, promote, refuse, roll back",
		Long: `Makes a bare repository, a clone, an OCI layout as registry and SSH keys of three people, and runs the real commands
there. Nothing outside the folder is touched, and no network is needed.`,
		Example: "  waybill demo\n  waybill demo --dir /tmp/story --reviews reviews.tsv",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if reviews != "" && !filepath.IsAbs(reviews) {
				reviews = filepath.Join(a.workDir(), reviews)
			}
			if dir != "" && !filepath.IsAbs(dir) {
				abs, err := filepath.Abs(filepath.Join(a.workDir(), dir))
				if err != nil {
					return err
				}
				dir = abs
			}
			defer unset("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL")() // the story's people work under their own names
			return demo.Play(a.ctx, demo.Options{Dir: dir, Reviews: reviews, Keep: keep || dir != "", Out: a.out,
				Run: func(ctx context.Context, dir string, args ...string) (int, string, string) {
					var stdout, stderr bytes.Buffer
					code := Run(ctx, dir, args, strings.NewReader(""), &stdout, &stderr)
					return code, stdout.String(), stderr.String()
				}})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder for the story, which is kept")
	c.Flags().StringVar(&reviews, "reviews", "", "real reviews: lines of id, rating and text between tabs")
	c.Flags().BoolVar(&keep, "keep", false, "keep the temporary folder")
	return c
}

// unset takes variables out of the environment; restore puts them back.
func unset(names ...string) (restore func()) {
	was := map[string]string{}
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			was[name] = value
			os.Unsetenv(name)
		}
	}
	return func() {
		for name, value := range was {
			os.Setenv(name, value)
		}
	}
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema project|model|dataset",
		Short:     "Print the JSON Schema of a document, for editors",
		Example:   "  waybill schema dataset > .vscode/dataset.schema.json",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"project", "model", "dataset"},
		RunE: func(_ *cobra.Command, args []string) error {
			var data []byte
			var err error
			switch strings.ToLower(args[0]) {
			case "project":
				data = schemas.Project()
			case "model":
				data, err = schemas.Model(slices.Concat(modelcheck.Schemas(), evalcheck.Schemas()))
			case "dataset":
				data, err = schemas.Dataset(slices.Concat(datacheck.Schemas(), imagecheck.Schemas()))
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, strings.TrimSpace(string(data)))
			return err
		},
	}
}
