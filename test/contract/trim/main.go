// Trim cuts one of GitHub's OpenAPI descriptions to the endpoints that the
// fake GitHub knows, with all that they refer to and without prose and
// examples, and writes it to standard output, compressed:
//
//	go run ./trim api.github.com.json >testdata/api.github.com.json.gz
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "trim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: trim DESCRIPTION.json >TRIMMED.json.gz")
	}
	src, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(src, &doc); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	out, missing := trim(doc, githubtest.Routes())
	for _, m := range missing {
		fmt.Fprintf(os.Stderr, "%s does not describe %s\n", args[0], m)
	}
	z, err := gzip.NewWriterLevel(os.Stdout, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(out); err != nil {
		return err
	}
	return z.Close()
}

var param = regexp.MustCompile(`\{[^}]*\}`)

// shape is what a route and its description have in common: a route's {ref...}
// is the description's {ref}, names of parameters differ, and an artifact's
// only format, zip, is a parameter.
func shape(path string) string {
	return strings.Replace(param.ReplaceAllString(path, "{}"), "/artifacts/{}/zip", "/artifacts/{}/{}", 1)
}

// trim returns the part of doc that describes the routes, and the routes that
// it does not describe.
func trim(doc map[string]any, routes []string) (out map[string]any, missing []string) {
	wanted := map[string]bool{}
	for _, r := range routes {
		wanted[shape(r)] = true
	}
	paths, found := map[string]any{}, map[string]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		kept := map[string]any{}
		for method, operation := range item.(map[string]any) {
			route := strings.ToUpper(method) + " " + shape(path)
			if wanted[route] {
				found[route] = true
				kept[method] = operation
			}
		}
		if len(kept) > 0 {
			if shared, ok := item.(map[string]any)["parameters"]; ok {
				kept["parameters"] = shared
			}
			paths[path] = kept
		}
	}
	for _, r := range routes {
		if !found[shape(r)] && r != "POST /graphql" { // which is not REST
			missing = append(missing, r)
		}
	}
	out = map[string]any{
		"openapi": doc["openapi"], "paths": strip(paths, false), "components": map[string]any{},
		"info": map[string]any{"title": "GitHub's REST API, trimmed", "version": doc["info"].(map[string]any)["version"],
			"license": doc["info"].(map[string]any)["license"]},
	}
	for refs := refsOf(out["paths"], nil); len(refs) > 0; {
		ref := refs[0]
		refs = refs[1:]
		kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
		components := out["components"].(map[string]any)
		group, _ := components[kind].(map[string]any)
		if group == nil {
			group = map[string]any{}
			components[kind] = group
		}
		if _, known := group[name]; known {
			continue
		}
		group[name] = strip(doc["components"].(map[string]any)[kind].(map[string]any)[name], false)
		refs = refsOf(group[name], refs)
	}
	return out, missing
}

// strip takes prose, examples and extensions away. names tells that the keys
// of v are names that somebody chose, such as a property called "description".
func strip(v any, names bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		_, isResponse := v["content"]
		_, isHeaders := v["headers"]
		for key, value := range v {
			prose := slices.Contains([]string{"example", "examples", "externalDocs", "summary", "title", "tags", "operationId", "servers"}, key) ||
				strings.HasPrefix(key, "x-") && key != "x-multi-segment"
			switch {
			case !names && prose:
			case !names && key == "description":
				if _, ok := value.(string); ok {
					out[key] = ""
				}
			default:
				out[key] = strip(value, !names && slices.Contains([]string{"properties", "patternProperties", "responses", "content", "headers", "paths"}, key))
			}
		}
		// Only a response needs its description.
		if _, isSchema := v["type"]; !names && isSchema && !isResponse && !isHeaders {
			delete(out, "description")
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = strip(e, false)
		}
		return out
	}
	return v
}

// refsOf adds the references within v.
func refsOf(v any, refs []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if ref, ok := value.(string); ok && key == "$ref" {
				refs = append(refs, ref)
			} else {
				refs = refsOf(value, refs)
			}
		}
	case []any:
		for _, e := range v {
			refs = refsOf(e, refs)
		}
	}
	return refs
}
