// Package github is a client of GitHub's REST API for one repository, on
// github.com, GitHub Enterprise Cloud and GitHub Enterprise Server. It answers
// in the words of package forge.
//
//	gh, err := github.New(github.Options{
//		BaseURL:    os.Getenv("GITHUB_API_URL"),
//		Repository: os.Getenv("GITHUB_REPOSITORY"),
//		Token:      token,
//		HTTP:       http.DefaultClient,
//		Now:        time.Now,
//	})
//
// # What it promises
//
// The token is sent to the API's own host (and its upload host), never to
// where an answer redirects, and is in no error and no log line.
//
// Requests that can be repeated are, after network errors and 5xx answers,
// with growing pauses. A comment, a check run, a pull request, a release or a
// deployment whose answer was lost is looked for before it is created again.
// Rate limits are waited for as long as Options.MaxWait allows; after that
// the error says until when (forge.RateLimited).
//
// A list that was read once in this process is asked for again with its ETag;
// GitHub does not count an answer of 304.
//
// Answers are hostile: they are capped in size and number before they are
// read, and what has an impossible id, name or hash is an error.
//
// # Endpoints
//
// O and R are owner and name. Reads follow pages by number (page, per_page=100)
// while the Link header says that there is a next one.
//
//	GET    /repos/O/R                                                  Repository
//	POST   /graphql (GHES: /api/graphql)  {viewer{login databaseId}}   Self
//	GET    /user                                                       Self, where GraphQL is refused
//	GET    /repos/O/R/pulls/N                                          PullRequest
//	GET    /repos/O/R/pulls?state=open&head=OWNER:BRANCH               PullRequestsByHead
//	GET    /repos/O/R/pulls?state=open&head=O:BRANCH&base=BRANCH       FindPullRequest
//	POST   /repos/O/R/pulls                                            CreatePullRequest
//	PATCH  /repos/O/R/pulls/N                                          UpdatePullRequest, ClosePullRequest
//	GET    /repos/O/R/pulls/N/files                                    ChangedFiles
//	GET    /repos/O/R/pulls/N/commits                                  PullRequestCommits
//	GET    /repos/O/R/pulls/N/reviews                                  Reviews
//	GET    /repos/O/R/commits?sha=&path=&per_page=                     Commits (one page)
//	GET    /repos/O/R/commits/SHA/pulls                                PullRequestsOfCommit
//	GET    /repos/O/R/branches/BRANCH                                  BranchProtected (then BranchRules, where it is not)
//	GET    /repos/O/R/actions/runs/ID                                  Run
//	GET    /repos/O/R/issues/N/comments                                Comments
//	POST   /repos/O/R/issues/N/comments                                CreateComment
//	PATCH  /repos/O/R/issues/comments/ID                               EditComment
//	DELETE /repos/O/R/issues/comments/ID                               DeleteComment
//	POST   /repos/O/R/check-runs                                       CreateCheckRun
//	PATCH  /repos/O/R/check-runs/ID                                    CreateCheckRun (past 50 annotations), UpdateCheckRun
//	GET    /repos/O/R/check-runs/ID                                    after a lost answer: annotations_count
//	GET    /repos/O/R/commits/SHA/check-runs?check_name=NAME&filter=all  ListCheckRuns
//	GET    /repos/O/R/actions/runs/ID/artifacts                        RunArtifacts
//	GET    /repos/O/R/actions/artifacts/ID/zip                         DownloadArtifact (302, then another host without token)
//	GET    /repos/O/R/git/ref/heads/BRANCH                             BranchHead, CommitFiles
//	GET    /repos/O/R/git/commits/SHA                                  CommitFiles, ReplaceBranch
//	POST   /repos/O/R/git/blobs                                        CommitFiles (base64; files that are not short UTF-8)
//	POST   /repos/O/R/git/trees                                        CommitFiles (content or sha; sha null removes)
//	POST   /repos/O/R/git/commits                                      CommitFiles (no author: GitHub then signs for apps)
//	POST   /repos/O/R/git/refs                                         CommitFiles (new branch)
//	PATCH  /repos/O/R/git/refs/heads/BRANCH  force=false               CommitFiles
//	PATCH  /repos/O/R/git/refs/heads/BRANCH  force=true                ReplaceBranch (else as CommitFiles)
//	GET    /repos/O/R/contents/PATH?ref=REF  (raw media type)          Contents
//	GET    /repos/O/R/rules/branches/BRANCH                            BranchRules
//	GET    /repos/O/R/rulesets?includes_parents=true                   TagRulesets
//	GET    /repos/O/R/rulesets/ID                                      TagRulesets
//	GET    /repos/O/R/actions/permissions/workflow                     WorkflowPermissions (admins)
//	GET    /users/LOGIN                                                Account
//	GET    /repos/O/R/environments                                     Environments
//	GET    /repos/O/R/environments/NAME                                Environment
//	GET    /repos/O/R/environments/NAME/deployment-branch-policies     Environment (custom policies)
//	GET    /repos/O/R/actions/runs/ID/approvals                        Approvals
//	GET    /repos/O/R/actions/runs/ID/pending_deployments              PendingDeployments
//	GET    /repos/O/R/deployments?environment=&sha=                    Deployments
//	GET    /repos/O/R/deployments?environment=&task=&per_page=100      DeploymentsOf (one page)
//	POST   /repos/O/R/deployments                                      CreateDeployment (auto_merge=false, required_contexts=[])
//	GET    /repos/O/R/deployments/ID/statuses                          DeploymentStatuses
//	POST   /repos/O/R/deployments/ID/statuses                          CreateDeploymentStatus
//	GET    /repos/O/R/releases                                         Release (drafts have no tag to ask by)
//	GET    /repos/O/R/releases/tags/TAG                                ReleaseByTag
//	POST   /repos/O/R/releases                                         CreateRelease (always a draft)
//	PATCH  /repos/O/R/releases/ID                                      PublishRelease, UpdateDraft
//	GET    /repos/O/R/releases/ID/assets                               UploadAsset
//	DELETE /repos/O/R/releases/assets/ID                               UploadAsset (an incomplete one of that name)
//	POST   UPLOADS/repos/O/R/releases/ID/assets?name=NAME              UploadAsset
//
// Can sends a write that cannot succeed and reads whether the token or the
// content was refused (403 or 404, or 422):
//
//	POST   /repos/O/R/issues/N/comments   {"body":""}
//	POST   /repos/O/R/check-runs          {"name":"waybill","head_sha":40 zeros}
//	POST   /repos/O/R/git/refs            {"ref":"refs/heads/waybill-probe","sha":40 zeros}
//
// Sources: https://docs.github.com/rest and GitHub's OpenAPI description;
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api,
// .../best-practices-for-using-the-rest-api and .../troubleshooting-the-rest-api.
package github
