package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/scaffold"
)

func (a *app) initCommand() *cobra.Command {
	var registryURL, pin string
	var forGitHub bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a repository a waybill project",
		Long: `Writes waybill.yaml, the folders datasets/ and models/, and what Git has to ignore. Asks nothing,
overwrites nothing. The registry is ghcr.io/OWNER/REPO for repositories on github.com, and a folder otherwise.
--github also writes the workflows that check pull requests and comment on those from forks, release, promote and roll back.`,
		Example: "  waybill init\n  waybill init --registry registry.example.com/team\n  waybill init --github",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !forGitHub {
				if pin != "" {
					return usageError{errors.New("--pin is for the workflows of --github")}
				}
				return a.initProject(registryURL, nil)
			}
			commit := ownPin()
			if pin != "" {
				var err error
				if commit, err = scaffold.ParsePin(pin); err != nil {
					return usageError{fmt.Errorf("--pin: %w", err)}
				}
			}
			return a.initProject(registryURL, &commit)
		},
	}
	c.Flags().StringVar(&registryURL, "registry", "", "where the bytes go: HOST/PATH or oci-layout:DIR")
	c.Flags().BoolVar(&forGitHub, "github", false, "also write the workflows for GitHub")
	c.Flags().StringVar(&pin, "pin", "", "commit of waybill whose actions the workflows use: COMMIT or COMMIT@VERSION")
	return c
}

const ignored = `# Bytes of models and datasets go to the registry, not to Git.
.waybill/
/datasets/**/data/
/models/**/eval/
*.safetensors
*.gguf
*.onnx
*.pt
*.pth
*.ckpt
*.bin
*.h5
*.keras
*.pkl
*.joblib
*.tflite
*.parquet
`

// initProject writes the project, and unless workflows is nil those too.
func (a *app) initProject(registryURL string, workflows *scaffold.Pin) error {
	repo, err := gitrepo.Open(a.workDir())
	if err != nil {
		return usageError{err}
	}
	if registryURL == "" {
		registryURL = inferRegistry(a, repo)
	}
	project := fmt.Sprintf(`apiVersion: %s
kind: Project
registry: %s
stages:
  staging: {}
  production:
    from: [staging]
`, manifest.APIVersion, registryURL)
	var done []string
	path := filepath.Join(repo.Root(), manifest.ProjectFile)
	if _, err := os.Lstat(path); err == nil {
		done = append(done, "kept "+manifest.ProjectFile)
	} else if errors.Is(err, fs.ErrNotExist) {
		p, err := manifest.NewParser(nil, nil)
		if err != nil {
			return err
		}
		if _, err := p.Project(manifest.ProjectFile, []byte(project)); err != nil {
			return err
		}
		if err := cas.WriteFile(path, []byte(project), 0o644); err != nil {
			return err
		}
		done = append(done, "wrote "+manifest.ProjectFile+" (registry "+registryURL+", stages staging and production)")
	} else {
		return err
	}
	for _, d := range []string{"datasets", "models"} {
		if err := os.MkdirAll(filepath.Join(repo.Root(), d), 0o755); err != nil {
			return err
		}
	}
	said, err := addIgnores(filepath.Join(repo.Root(), ".gitignore"))
	if err != nil {
		return err
	}
	done = append(done, "folders datasets/ and models/ are there", said)
	if workflows != nil {
		more, err := a.initGitHub(repo, *workflows)
		if err != nil {
			return err
		}
		done = append(done, more...)
	}
	done = append(done,
		"next: waybill add dataset NAME FILES…   and   waybill add model NAME FILES…")
	return a.result(map[string]any{"apiVersion": report.APIVersion, "registry": registryURL, "done": done},
		report.TextSection("", strings.Join(done, "\n")))
}

// addIgnores adds the lines that are missing to .gitignore.
func addIgnores(path string) (string, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	have := map[string]bool{}
	for l := range strings.Lines(string(old)) {
		have[strings.TrimSpace(l)] = true
	}
	var add strings.Builder
	for l := range strings.Lines(ignored) {
		if !have[strings.TrimSpace(l)] {
			add.WriteString(l)
		}
	}
	if add.Len() == 0 {
		return "kept .gitignore", nil
	}
	text := string(old)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return "added data and weights to .gitignore", cas.WriteFile(path, []byte(text+add.String()), 0o644)
}

// inferRegistry is ghcr.io/OWNER/REPO for a remote on github.com.
func inferRegistry(a *app, repo *gitrepo.Repo) string {
	host, name := a.remoteRepository(repo)
	if host != "github.com" {
		return "oci-layout:.waybill/registry"
	}
	return strings.ToLower("ghcr.io/" + name)
}

// remoteRepository is the host of the remote and OWNER/REPO there, "" for a
// remote of another form.
func (a *app) remoteRepository(repo *gitrepo.Repo) (host, name string) {
	m, err := repo.Remote(a.ctx)
	if err != nil {
		return "", ""
	}
	path := ""
	if u, err := url.Parse(m.URL()); err == nil && u.Host != "" {
		host, path = u.Hostname(), u.Path
	} else if before, after, ok := strings.Cut(m.URL(), ":"); ok {
		host, path = before[strings.Index(before, "@")+1:], after
	}
	parts := strings.Split(strings.Trim(strings.TrimSuffix(path, ".git"), "/"), "/")
	if len(parts) != 2 || len(host) < 2 { // C:\path is no host
		return "", ""
	}
	return host, parts[0] + "/" + parts[1]
}
