// Package who answers an auditor: what was in a stage, who let it in, on what
// evidence, and what of that nobody verified.
//
// It needs the ledger and a clone, no forge and no registry. What the ledger
// says is taken as said: the chain proves order, not authorship. What can be
// checked here is checked (signatures, the policy, the lock of the registered
// commit), and the rest stands in the answer as a list of plain sentences.
package who

import (
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Stage is what is, or was, in a stage. The JSON is that of "waybill who".
type Stage struct {
	APIVersion string     `json:"apiVersion"`
	Artifact   string     `json:"artifact"`
	Kind       string     `json:"kind"`
	Stage      string     `json:"stage"`
	AsOf       *time.Time `json:"asOf,omitempty"`
	// Assigned is nil when nothing is in the stage.
	Assigned *Tenure `json:"assigned"`
	// Deployed is what a deployment file was last seen to name, which can be
	// another version than the assigned one; nil: nothing was recorded.
	Deployed  *Deployed  `json:"deployed"`
	Approvals []Approval `json:"approvals"` // of Assigned
	About
	// Earlier are the tenures before, newest first, at most five.
	Earlier    []Tenure `json:"earlier"`
	Omitted    int      `json:"omitted,omitempty"` // earlier tenures that are left out
	Unverified []string `json:"unverified"`
}

// Version is where a version is, or was.
type Version struct {
	APIVersion    string      `json:"apiVersion"`
	Artifact      string      `json:"artifact"`
	Kind          string      `json:"kind"`
	Version       ref.Version `json:"version"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"`
	AsOf          *time.Time  `json:"asOf,omitempty"`
	// Stages are its tenures, those that last first, then newest first.
	Stages []Tenure `json:"stages"`
	About
	Unverified []string `json:"unverified"`
}

// About is what is known of a version apart from stages.
type About struct {
	Registered *Registered      `json:"registered"`
	Evidence   *ledger.Evidence `json:"evidence"`
	// TrainedOn is what the lock at the registered commit names.
	TrainedOn  []Dataset     `json:"trainedOn"`
	Holds      []ledger.Hold `json:"holds"`
	Deprecated *ledger.Mark  `json:"deprecated,omitempty"`
}

// Tenure is the time of one version in one stage.
type Tenure struct {
	Stage         string       `json:"stage"`
	Version       ref.Version  `json:"version"`
	ContentDigest ref.Digest   `json:"contentDigest"`
	Digest        ref.Digest   `json:"digest"`
	Since         time.Time    `json:"since"`
	Until         time.Time    `json:"until,omitzero"`
	By            ledger.Actor `json:"by"`
	Event         int64        `json:"event"`
	// How it came: "promote" or "rollback"; From is the version before it.
	How          ledger.Kind `json:"how"`
	From         ref.Version `json:"from,omitzero"`
	RolledBack   bool        `json:"rolledBack,omitempty"` // a rollback ended it
	PolicyDigest ref.Digest  `json:"policyDigest,omitempty"`
	// PolicyIsNow tells whether that is the policy of now; nil: not known.
	PolicyIsNow *bool              `json:"policyIsNow"`
	Run         string             `json:"run,omitempty"`
	Reason      string             `json:"reason,omitempty"`
	Approvers   []string           `json:"approvers"`
	Deployed    *ledger.Deployment `json:"deployed"`
}

// Deployed is a version that a deployment file was seen to name.
type Deployed struct {
	Version       ref.Version `json:"version"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"`
	IsAssigned    bool        `json:"isAssigned"`
	ledger.Deployment
}

// Approval is one that a promotion counted.
type Approval struct {
	ledger.Approval
	// Signature is one of the constants below; Key the fingerprint of the key
	// that made it, Event where it stands, and Why what is wrong with it.
	Signature string `json:"signature"`
	Key       string `json:"key,omitempty"`
	Event     int64  `json:"event,omitempty"`
	Why       string `json:"why,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// What is known of an approval's signature.
const (
	Unsigned  = "none"           // given at the forge: the run that promoted recorded it
	Holds     = "holds"          // by a key that allowed_signers gives them now
	Fails     = "does not hold"  // or not any more: the key was taken out
	Missing   = "missing"        // recorded as signed, and the ledger has no signature
	Unchecked = "cannot be told" // the keys could not be read
)

// Registered is how a version came to be.
type Registered struct {
	Version      ref.Version  `json:"version"`
	At           time.Time    `json:"at"`
	By           ledger.Actor `json:"by"`
	Event        int64        `json:"event"`
	Commit       string       `json:"commit"`
	PolicyDigest ref.Digest   `json:"policyDigest,omitempty"`
	Run          string       `json:"run,omitempty"`
	Reason       string       `json:"reason,omitempty"`
}

// Dataset is what a model was made from. Version is zero where no version has
// this content.
type Dataset struct {
	Role          string      `json:"role"`
	Name          string      `json:"name"`
	Split         string      `json:"split,omitempty"`
	Version       ref.Version `json:"version,omitzero"`
	ContentDigest ref.Digest  `json:"contentDigest"`
}
