package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// story is one run. After an error every step does nothing.
type story struct {
	Options
	ctx         context.Context
	work        string
	train, test []review
	before      string // a moment at which the bad version was in production
	err         error
}

func (s *story) begin() {
	s.say("# A team makes a repository: what its data and its model are, and who lets a model into production.")
	if s.err = os.MkdirAll(s.Dir, 0o755); s.err != nil {
		return
	}
	s.git(s.Dir, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
	s.git(s.Dir, "clone", "--quiet", "origin.git", "work")
	s.git(s.work, "config", "user.name", "Ada")
	s.git(s.work, "config", "user.email", "ada@example.com")
	s.git(s.work, "checkout", "--quiet", "-B", "main")
	s.waybill(0, "init", "--registry", "oci-layout:../registry")
	s.write("waybill.yaml", projectYAML)
	s.indent(projectYAML)
	s.keys()
	s.write("datasets/reviews/dataset.yaml", datasetYAML)
	s.write("models/sentiment/model.yaml", modelYAML)
	s.write("models/sentiment/README.md", card)
	s.write("deploy/prod/inference.yaml", deployYAML)
	s.writeData(s.train)
}

func (s *story) keys() {
	if s.err != nil {
		return
	}
	signers, err := makeKeys(filepath.Join(s.Dir, "keys"))
	if s.err = err; err != nil {
		return
	}
	s.put("allowed_signers", signers)
	s.say("# wrote allowed_signers: the public SSH keys of ada, bob and carol, whose private halves are in ../keys")
}

func (s *story) firstRelease() {
	s.say("\n# Ada trains a first classifier. It is checked, registered and goes to staging.")
	s.fit(s.train, 1, 1)
	s.waybill(0, "push")
	s.waybill(0, "check")
	s.commit("Sentiment: first model")
	s.waybill(0, "register")
	s.waybill(0, "promote", "sentiment", "--to", "staging")
}

func (s *story) firstApprovals() {
	s.say("\n# Production asks for two approvals. Ada's own does not count, and one is not enough.")
	s.approve(1, "sentiment@v0.1.0", "ada", "it is fine, I made it")
	s.approve(0, "sentiment@v0.1.0", "bob", "read the report")
	s.waybill(1, "promote", "sentiment@v0.1.0", "--to", "production")
	s.approve(0, "sentiment@v0.1.0", "carol", "tried it in staging")
	s.waybill(0, "promote", "sentiment@v0.1.0", "--to", "production", "--reason", "first release")
	s.deploy("Production: sentiment v0.1.0")
}

func (s *story) brokenLabels() {
	s.say("\n# Somebody breaks the label column and trains again. The checks refuse it.")
	broken := make([]review, len(s.train))
	copy(broken, s.train)
	for i := range broken {
		broken[i].label = 1 - broken[i].label
		if i%10 == 0 {
			broken[i].label = 2
		}
	}
	s.writeData(broken)
	s.fit(broken, 1, 2)
	s.waybill(1, "check")
	s.say("# Refused, as it should be. The data is restored.")
	s.writeData(s.train)
}

func (s *story) secondRelease() {
	s.say("\n# An honest training, with more epochs, passes every check.")
	s.fit(s.train, 8, 3)
	s.waybill(0, "push")
	s.waybill(0, "check")
	s.commit("Sentiment: trained longer")
	s.waybill(0, "register")
	s.waybill(0, "promote", "sentiment", "--to", "staging")
}

func (s *story) secondApprovals() {
	s.say("\n# Approvals are for one version: this one needs its own. It goes to production.")
	s.approve(0, "sentiment@v0.1.1", "bob", "read the report")
	s.approve(0, "sentiment@v0.1.1", "carol", "tried it in staging")
	s.waybill(0, "promote", "sentiment@v0.1.1", "--to", "production", "--reason", "trained longer")
	s.deploy("Production: sentiment v0.1.1")
}

func (s *story) goBack() {
	s.say("\n# Complaints arrive. One step back, and nothing rolls it forward again.")
	out := s.quietly("show", "sentiment", "--format", "json")
	var shown struct {
		Stages map[string]struct{ Since time.Time }
	}
	if s.err == nil {
		s.err = json.Unmarshal([]byte(out), &shown)
	}
	since := shown.Stages["production"].Since
	if s.err == nil && since.IsZero() {
		s.err = errors.New("\"waybill show sentiment --format json\" names nothing in production")
	}
	s.before = since.UTC().Format(time.RFC3339)
	s.waybill(3, "rollback", "sentiment", "--stage", "production", "--reason", "complaints about sarcasm")
	s.deploy("Production: back to sentiment v0.1.0")
	s.say("# Even approved again, it stays out.")
	s.approve(0, "sentiment@v0.1.1", "bob", "the complaints are few")
	s.approve(0, "sentiment@v0.1.1", "carol", "read them, too")
	s.waybill(1, "promote", "sentiment@v0.1.1", "--to", "production")
}

func (s *story) whoLetItIn() {
	s.say("\n# What is in production, on what evidence, and what nobody verified.")
	s.waybill(0, "who", "sentiment#production")
	s.say("\n# An auditor asks who let the bad version in.")
	s.waybill(0, "who", "sentiment#production", "--as-of", s.before)
}

func (s *story) lookBack() {
	s.say("\n# What was where, since when, by whom, and why: at any moment before, and from the start.")
	s.waybill(0, "show", "sentiment", "--as-of", s.before)
	s.waybill(0, "history", "sentiment")
	s.waybill(0, "doctor")
}

func (s *story) fit(rows []review, epochs int, seed uint64) {
	if s.err != nil {
		return
	}
	if s.err = s.ctx.Err(); s.err != nil {
		return
	}
	m := train(rows, epochs, seed)
	weights, vocabulary, err := m.files()
	if err != nil {
		s.err = err
		return
	}
	test := s.test
	s.say("$ train --epochs %d datasets/reviews/data/train.csv    # hashed bag of words, logistic regression, %d rows", epochs, len(rows))
	s.put("models/sentiment/model.safetensors", weights)
	s.put("models/sentiment/vocab.json", vocabulary)
	s.put("models/sentiment/eval/predictions.csv", predictionsCSV(m, test))
	s.indent(fmt.Sprintf("wrote model.safetensors, vocab.json, and predictions on %d held-out rows", len(test)))
}

func (s *story) writeData(train []review) {
	s.put("datasets/reviews/data/train.csv", reviewsCSV(train))
	s.put("datasets/reviews/data/test.csv", reviewsCSV(s.test))
	s.say("# wrote datasets/reviews/data: %d rows to train on, %d held out", len(train), len(s.test))
}

// approve signs as login, in whose place a person would sit at another machine.
func (s *story) approve(want int, version, login, reason string) {
	s.waybill(want, "approve", version, "--to", "production", "--key", "../keys/"+login, "--reason", reason)
}

// deploy shows what waybill wrote into the deployment file, which has to be one
// line, and brings it to the default branch.
func (s *story) deploy(message string) {
	diff := s.git(s.work, "diff", "--unified=0", "--", "deploy")
	s.indent(diff)
	if n := strings.Count(diff, "\n+") - strings.Count(diff, "\n+++"); s.err == nil && n != 1 {
		s.err = fmt.Errorf("the deployment file changed in %d lines, expected 1", n)
	}
	s.commit(message)
	s.waybill(0, "promote", "--deployed")
}

func (s *story) commit(message string) {
	s.git(s.work, "add", "--all")
	s.git(s.work, "commit", "--quiet", "-m", message)
	s.git(s.work, "push", "--quiet", "-u", "origin", "main")
}
