package forge

// Ruleset is a set of rules for the names that it includes: full names of
// references, in which `*` does not match `/`, or ~ALL.
type Ruleset struct {
	ID               int64
	Name             string
	Include, Exclude []string
	Rules            []Rule
}

// WorkflowPermissions are the repository's settings for the tokens of workflows.
type WorkflowPermissions struct {
	Write        bool // workflows that do not say get a token that may write
	MayOpenPulls bool // workflows may open pull requests
}
