// Package contract holds the fake GitHub of internal/forge/github/githubtest,
// and what waybill's client sends, to GitHub's own OpenAPI descriptions: of
// api.github.com and of GitHub Enterprise Server 3.17. testdata has them
// trimmed to the endpoints that the fake knows; the script run makes them from
// the npm package @octokit/openapi (MIT license).
//
// The package has tests only, and is a module of its own so that waybill's does
// not depend on kin-openapi.
package contract
