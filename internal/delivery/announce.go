package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// payload is what a deployment of the forge says about the ledger.
type payload struct {
	Artifact      string      `json:"artifact"`
	Version       ref.Version `json:"version"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"`
	Event         int64       `json:"event"`
}

// States of deployments (docs.github.com/rest/deployments/statuses).
const (
	success    = "success"
	inProgress = "in_progress"
	inactive   = "inactive"
)

// task tells the deployments of one artifact from those of others in the same
// environment.
func (d *delivery) task() string { return "waybill:" + d.name }

// announce tells the forge: a deployment for what is assigned, success where it
// is in effect, and what it takes the place of made inactive.
func (d *delivery) announce(ctx context.Context) error {
	if d.opts.Forge == nil {
		return nil
	}
	state := inProgress
	if d.result.Effective {
		state = success
	}
	var all []forge.Deployment
	if state == success || d.opts.Wrote != d.tenure.Event {
		var err error
		if all, err = d.opts.Forge.DeploymentsOf(ctx, d.environment, d.task()); err != nil {
			return err
		}
	}
	ours := slices.IndexFunc(all, func(there forge.Deployment) bool { return eventOf(there) == d.tenure.Event })
	if ours >= 0 {
		return d.update(ctx, all, ours, state)
	}
	data, err := canonical.Marshal(payload{d.name, d.version.Version, d.version.ContentDigest, d.version.Digest, d.tenure.Event})
	if err != nil {
		return err
	}
	made, err := d.opts.Forge.CreateDeployment(ctx, forge.Deployment{
		SHA: d.commit, Task: d.task(), Environment: d.environment, Description: fmt.Sprintf("%s %s", d.name, d.version.Version), Payload: data,
	})
	if err != nil {
		return err
	}
	d.result.Deployment = &made
	if err := d.status(ctx, made.ID, state); err != nil || state != success {
		return err
	}
	return d.supersede(ctx, all, false)
}

// update brings a deployment that is there already to a state.
func (d *delivery) update(ctx context.Context, all []forge.Deployment, ours int, state string) error {
	d.result.Deployment = &all[ours]
	now, err := d.stateOf(ctx, all[ours].ID)
	if err != nil {
		return err
	}
	if now != state {
		if err := d.status(ctx, all[ours].ID, state); err != nil {
			return err
		}
	}
	if state != success {
		return nil
	}
	return d.supersede(ctx, all[ours+1:], now == success)
}

// supersede makes inactive what came before, back to the last that was in effect:
// what is older than that was made inactive by it. With ask, those that are
// inactive already are left alone.
func (d *delivery) supersede(ctx context.Context, older []forge.Deployment, ask bool) error {
	const most = 10
	for _, there := range older[:min(len(older), most)] {
		if ask {
			now, err := d.stateOf(ctx, there.ID)
			if err != nil {
				return err
			}
			if now == inactive {
				return nil
			}
		}
		if err := d.status(ctx, there.ID, inactive); err != nil {
			return err
		}
		if d.tookEffect(eventOf(there)) {
			return nil
		}
	}
	return nil
}

func (d *delivery) stateOf(ctx context.Context, id int64) (string, error) {
	all, err := d.opts.Forge.DeploymentStatuses(ctx, id)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].State, nil
}

func (d *delivery) status(ctx context.Context, id int64, state string) error {
	description := map[string]string{
		success:    fmt.Sprintf("%s %s is in %s", d.name, d.version.Version, d.stage),
		inProgress: "the deployment file is not on its branch yet",
		inactive:   fmt.Sprintf("%s took its place", d.version.Version),
	}[state]
	_, err := d.opts.Forge.CreateDeploymentStatus(ctx, id, forge.DeploymentStatus{State: state, Description: description, LogURL: d.opts.Run})
	return err
}

// tookEffect tells whether what an event assigned was in effect.
func (d *delivery) tookEffect(event int64) bool {
	for _, t := range d.l.State.Artifacts[d.name].Stages[d.stage].History {
		if t.Event == event {
			return t.Deployed != nil || len(d.result.Files) == 0
		}
	}
	return false
}

// eventOf is the event that a deployment names, 0 for what anybody else wrote.
func eventOf(there forge.Deployment) int64 {
	var p payload
	if json.Unmarshal(there.Payload, &p) == nil {
		return p.Event
	}
	// GitHub keeps a payload that was sent as a string as one.
	var text string
	if json.Unmarshal(there.Payload, &text) == nil && json.Unmarshal([]byte(text), &p) == nil {
		return p.Event
	}
	return 0
}

// record writes the deploy event, unless somebody has or the stage holds
// something else by now.
func (d *delivery) record(ctx context.Context) error {
	if d.tenure.Deployed != nil {
		return nil
	}
	commit := d.commit
	for _, f := range d.result.Files {
		if f.State == Committed {
			commit = f.Commit
		}
	}
	done, err := d.w.Append(ctx, func(_ context.Context, l *workspace.Ledger) (workspace.Decision, error) {
		a := l.State.Artifacts[d.name]
		if a == nil || a.Stages[d.stage] == nil || a.Stages[d.stage].Event != d.tenure.Event || a.Stages[d.stage].Deployed != nil {
			return workspace.Decision{}, nil
		}
		actor, err := d.w.Actor()
		return workspace.Decision{Message: fmt.Sprintf("deploy %s@%s to %s", d.name, d.version.Version, d.stage), Events: []ledger.Event{{
			Kind: ledger.KindDeploy, Artifact: d.name, Version: d.version.Version, Stage: d.stage, ContentDigest: d.version.ContentDigest,
			Digest: d.version.Digest, Commit: commit, Actor: actor, Run: d.w.Run(),
		}}}, err
	})
	if err != nil {
		return fmt.Errorf("record that it was deployed: %w", err)
	}
	d.result.Recorded = done.Events
	return nil
}
