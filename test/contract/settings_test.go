package contract

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// settings reads what an admin sets.
func (f *fixture) settings() {
	ctx, c := context.Background(), f.client
	tags := []string{"refs/tags/*@v*", "refs/tags/*#*"}
	kept := githubtest.Ruleset{Name: "tags", Target: "tag", Include: tags, Exclude: []string{"refs/tags/x*"}, Rules: []map[string]any{{"type": "deletion"}, {"type": "update"}}}
	id := f.repo.AddRuleset(kept)
	kept.Name, kept.Enforcement = "tried", "disabled"
	f.repo.AddRuleset(kept)
	rulesets, err := c.TagRulesets(ctx)
	f.checked("TagRulesets", err)
	if len(rulesets) != 1 || rulesets[0].ID != id || !slices.Equal(rulesets[0].Include, tags) || len(rulesets[0].Exclude) != 1 || len(rulesets[0].Rules) != 2 {
		f.Errorf("TagRulesets: %+v", rulesets)
	}
	account, err := c.Account(ctx, "octocat")
	f.checked("Account", err)
	if account != (forge.Account{Login: "octocat", ID: 583231}) {
		f.Errorf("Account: %+v", account)
	}
	for _, want := range []forge.WorkflowPermissions{{Write: true}, {MayOpenPulls: true}} {
		f.repo.TokenWrites, f.repo.TokenMayOpenPulls = want.Write, want.MayOpenPulls
		got, err := c.WorkflowPermissions(ctx)
		f.checked("WorkflowPermissions", err)
		if got != want {
			f.Errorf("WorkflowPermissions: %+v, want %+v", got, want)
		}
	}
}

// What only admins may read is refused to others in words that the client
// understands; who has a login, and the rules for tags, anyone may read.
func TestSettingsOfOthers(t *testing.T) {
	ctx := context.Background()
	for _, flavour := range flavours {
		t.Run(flavour.name, func(t *testing.T) {
			f := newFixture(t, flavour.name, flavour.options...)
			f.gh.AddToken(githubtest.AdminToken, githubtest.Token{Permissions: map[string]string{"contents": "read", "actions": "write"}})
			_, err := f.client.WorkflowPermissions(ctx)
			f.checked("a refusal", nil)
			var refused *forge.NotAllowed
			if !errors.As(err, &refused) || refused.Needs != "administration: read" {
				t.Errorf("WorkflowPermissions: %v", err)
			}
			_, err = f.client.TagRulesets(ctx)
			f.checked("TagRulesets", err)
			_, err = f.client.Account(ctx, "octocat")
			f.checked("Account", err)
			_, err = f.client.Account(ctx, "nobody")
			f.checked("an account that is not there", nil)
			if !errors.Is(err, forge.ErrNotFound) {
				t.Errorf("Account: %v, want ErrNotFound", err)
			}
		})
	}
}
