package promotion

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Where consent comes from, as ledger.Approval.Via records it.
const (
	viaSigned      = "signed"      // an approve event with a signature that holds
	viaReview      = "review"      // of the pull request that brought the lock
	viaEnvironment = "environment" // of the deployment that the run waited for
)

// skew is how far the clock of an approver may be ahead of this one.
const skew = 10 * time.Minute

// consent is one person's approval of this content in this stage, whose
// authenticity was checked. Whether it counts is another question.
type consent struct {
	person manifest.Person
	via    string
	at     time.Time
	// recorded is when it was written down, zero where the forge vouches for at.
	recorded time.Time
	where    string // event or URL
}

func (c consent) String() string {
	return fmt.Sprintf("%s (%s, %s)", report.Visible(c.person.Login), c.via, c.at.UTC().Format(time.RFC3339))
}

// discounted is an approval that does not count.
type discounted struct {
	consent
	why string
}

func (d discounted) String() string {
	who := d.person.Login
	if who == "" {
		who = "somebody"
	}
	s := report.Visible(who) + "'s"
	if d.via != "" {
		s += " " + d.via
	}
	s += " approval"
	if d.where != "" {
		s += " (" + report.Visible(d.where) + ")"
	}
	return s + " does not count: " + d.why
}

// electorate is who may approve, and until when their approval counts. It
// knows people by the forge's number alone: a login can be given up, and taken
// by somebody else.
type electorate struct {
	members  map[int64]manifest.Person
	excluded map[int64]string // what they did
	maxAge   time.Duration    // 0: approvals do not age
	now      time.Time
}

// refuse says why a person's approval would not count, "" if it would.
func (e electorate) refuse(id int64) string {
	if _, ok := e.members[id]; !ok || id <= 0 {
		return "they are not among the people who may approve"
	}
	if why := e.excluded[id]; why != "" {
		return "they " + why
	}
	return ""
}

func (e electorate) refuseConsent(c consent) string {
	if why := e.refuse(c.person.ID); why != "" {
		return why
	}
	given := c.at // the earlier of both: who gives it and who records it each have a clock
	if !c.recorded.IsZero() && c.recorded.Before(given) {
		given = c.recorded
	}
	switch {
	case c.at.IsZero():
		return "it does not say when it was given"
	case c.at.After(e.now.Add(skew)):
		return "it is dated " + c.at.UTC().Format(time.RFC3339) + ", which is yet to come"
	case e.maxAge > 0 && e.now.Sub(given) > e.maxAge:
		return fmt.Sprintf("it was given more than %s ago", e.maxAge)
	}
	return ""
}

// count lets in one consent a person, and one that an environment's review
// gave: GitHub starts a job after the first of its reviewers said yes, whoever
// the others are. The order of all does not matter.
func (e electorate) count(all []consent) (counted []consent, not []discounted) {
	all = slices.Clone(all)
	sorting.By(all, func(a, b consent) int {
		return cmp.Or(cmp.Compare(rank(a.via), rank(b.via)), b.at.Compare(a.at), cmp.Compare(a.person.ID, b.person.ID), cmp.Compare(a.where, b.where))
	})
	seen := map[int64]bool{}
	var reviewed *consent // the environment's
	for _, c := range all {
		switch why := e.refuseConsent(c); {
		case why != "":
			not = append(not, discounted{c, why})
		case seen[c.person.ID]: // once is enough
		case c.via == viaEnvironment && reviewed != nil:
			not = append(not, discounted{c, fmt.Sprintf("an environment's review counts once, and %s gave it", report.Visible(reviewed.person.Login))})
		default:
			seen[c.person.ID] = true
			c.person = e.members[c.person.ID] // the login that the policy has, whatever the forge calls them today
			if c.via == viaEnvironment {
				reviewed = &c
			}
			counted = append(counted, c)
		}
	}
	return counted, not
}

// rank puts what is asked of nobody first, and the environment's review last:
// where one person gave two, it is the other that is used up.
func rank(via string) int { return slices.Index([]string{viaSigned, viaReview, viaEnvironment}, via) }

// recordedApprovals is counted as the event has it.
func recordedApprovals(counted []consent) []ledger.Approval {
	var out []ledger.Approval
	for _, c := range counted[:min(len(counted), maxRecorded)] {
		out = append(out, ledger.Approval{ID: c.person.ID, Login: c.person.Login, At: c.at.UTC().Truncate(time.Second), Via: c.via})
	}
	return out
}

// maxRecorded is how many approvals an event can have. A policy can ask for no
// more (schemas/project.json, "required").
const maxRecorded = 100
