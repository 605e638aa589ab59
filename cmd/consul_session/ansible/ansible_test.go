package ansible

// This file runs the playbooks with the real Ansible, by both modules.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
	"github.com/lictor-go/consul/testutil"
)

// needAnsible is for what only runs where Ansible and the Python module are, which scripts/ansible makes sure of.
func needAnsible(t *testing.T) {
	t.Helper()
	if os.Getenv("CONSUL_TEST_ANSIBLE") == "" {
		t.Skip("CONSUL_TEST_ANSIBLE is not set: scripts/ansible installs Ansible, sets it, and runs this")
	}
}

// A module is one of the two, with a Consul of its own.
type module struct {
	name    string
	library string // the folder of the module; "" for the Python one, which Ansible knows
	server  *testutil.Server
	client  *consul.Client
}

func newModule(t *testing.T, name, library string) *module {
	t.Helper()
	server := testutil.NewServer(t)
	client, err := consul.NewClient(&consul.Config{Address: server.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	registerCheck(t, client, server.NodeName())
	return &module{name, library, server, client}
}

// registerCheck has the agent register the check that the documentation names, and waits until the servers know it.
func registerCheck(t *testing.T, client *consul.Client, node string) {
	t.Helper()
	const id = "existing_check_name"
	check := &consul.AgentCheckRegistration{Name: id, AgentServiceCheck: consul.AgentServiceCheck{
		TTL: time.Hour, Status: consul.HealthPassing,
	}}
	if _, err := client.Agent().CheckRegister(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	var index uint64
	for {
		checks, meta, err := client.Health().Node(t.Context(), node, consul.Wait(index, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(checks, func(c *consul.HealthCheck) bool { return c.CheckID == id }) {
			return
		}
		index = meta.LastIndex
	}
}

// build builds the module as a folder for Ansible.
func build(t *testing.T) string {
	t.Helper()
	library := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(library, "consul_session"), "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
	return library
}

// A step is what came of one task.
type step struct {
	name   string
	result map[string]any
}

// outcome is how Ansible shows a step.
func (s step) outcome() string {
	for _, word := range []string{"skipped", "failed", "changed"} {
		if s.result[word] == true {
			return word
		}
	}
	return "ok"
}

// play runs a playbook and gives its steps.
func (m *module) play(t *testing.T, playbook string) []step {
	t.Helper()
	host, port, err := net.SplitHostPort(m.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "ansible-playbook", "-i", "localhost,", "-c", "local", playbook,
		"-e", "ansible_python_interpreter=/usr/bin/python3",
		"-e", "node="+m.server.NodeName(), "-e", "consul_host="+host, "-e", "consul_port="+port)
	cmd.Env = append(os.Environ(), "ANSIBLE_STDOUT_CALLBACK=json", "ANSIBLE_HOME="+tmp, "ANSIBLE_LOCAL_TEMP="+tmp,
		"ANSIBLE_REMOTE_TEMP="+tmp, "ANSIBLE_LIBRARY="+m.library, "CONSUL_HTTP_ADDR="+m.server.Addr())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	failure := cmd.Run()
	var report struct {
		Plays []struct {
			Tasks []struct {
				Task  struct{ Name string }
				Hosts map[string]map[string]any
			}
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || failure != nil {
		t.Fatalf("%v: %v, %v:\n%s%s", cmd, failure, err, &stdout, &stderr)
	}
	var steps []step
	for _, play := range report.Plays {
		for _, task := range play.Tasks {
			steps = append(steps, step{task.Task.Name, task.Hosts["localhost"]})
		}
	}
	return steps
}

// sessions describes the sessions that there are, without what the server gives them.
func (m *module) sessions(t *testing.T) []string {
	t.Helper()
	all, _, err := m.client.Session().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, e := range all {
		described = append(described, fmt.Sprint(e.Name, e.Node, e.LockDelay, e.Behavior, e.TTL, e.NodeChecks, e.Checks))
	}
	slices.Sort(described)
	return described
}

// TestSameAsThePythonModule plays the playbooks by both modules. What they make must be the same, and what they answer too,
// but for what DIFFERENCES.md lists.
func TestSameAsThePythonModule(t *testing.T) {
	needAnsible(t)
	python, own := newModule(t, "Python", ""), newModule(t, "own", build(t))
	seen := map[string]difference{}

	compare(t, seen, "", python.play(t, "document.yml"), own.play(t, "document.yml"))
	first := own.sessions(t)
	if made := python.sessions(t); !slices.Equal(made, first) || len(made) != 7 {
		t.Errorf("the sessions are not the same, or not as many as named. Python:\n%s\nown:\n%s",
			strings.Join(made, "\n"), strings.Join(first, "\n"))
	}

	compare(t, seen, "again: ", python.play(t, "document.yml"), own.play(t, "document.yml"))
	if again := own.sessions(t); !slices.Equal(again, first) {
		t.Errorf("a second run leaves %s, want the same as the first: %s", again, first)
	}
	if doubled := python.sessions(t); !slices.Equal(slices.Compact(doubled), first) || len(python.sessions(t)) != 2*len(first) {
		t.Errorf("the Python module leaves %s after a second run, want each session twice", doubled)
	}

	removed := own.play(t, "remove.yml")
	compare(t, seen, "", python.play(t, "remove.yml"), removed)
	for _, s := range removed {
		if _, shown := s.result["diff"]; shown != (s.name == "remove a session by its name") { // which asks for it
			t.Errorf("%s: there is a diff: %v", s.name, shown)
		}
	}
	wantGone(t, own, 1, first, "session1", "session_with_check")
	wantGone(t, python, 2, first, "session1") // of which it removed one of two

	compare(t, seen, "", python.play(t, "failures.yml"), own.play(t, "failures.yml"))
	compareWithDocument(t, seen)
}

// wantGone wants the sessions that are described, each of them n times, but for one of each of the names.
func wantGone(t *testing.T, m *module, n int, described []string, names ...string) {
	t.Helper()
	want := slices.Sorted(slices.Values(slices.Repeat(described, n)))
	for _, name := range names {
		i := slices.IndexFunc(want, func(line string) bool { return strings.HasPrefix(line, name+m.server.NodeName()) })
		want = slices.Delete(want, i, i+1)
	}
	if got := m.sessions(t); !slices.Equal(got, want) {
		t.Errorf("the %s module leaves\n%s\nwant\n%s", m.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// compare compares the steps of two plays, and adds to seen how they end differently.
func compare(t *testing.T, seen map[string]difference, prefix string, python, own []step) {
	t.Helper()
	if len(python) != len(own) || len(own) == 0 {
		t.Fatalf("%d steps by the Python module, %d by ours", len(python), len(own))
	}
	for i := range own {
		name := prefix + own[i].name
		p, o := python[i].outcome(), own[i].outcome()
		t.Logf("%-60s %-8s %-8s", name, p, o)
		if p != o {
			seen[name] = difference{p, o}
		}
		if o == "failed" && own[i].result["msg"] == "" {
			t.Errorf("%s: it fails without a message", name)
		}
		if p == "changed" && (o == "changed" || o == "ok") {
			compareResults(t, name, python[i].result, own[i].result)
		}
	}
}

// compareResults wants all that the Python module answers, but for what can't be the same, or is described as another.
func compareResults(t *testing.T, name string, python, own map[string]any) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(python)) {
		value, ok := own[key]
		switch {
		case key == "invocation" || key == "deprecations" || key == "warnings" || strings.HasPrefix(key, "_ansible"):
		case !ok:
			t.Errorf("%s: %q is not in our answer %v", name, key, own)
		case key == "changed" || key == "session_id" || key == "node" || key == "sessions" || key == "action":
		case !reflect.DeepEqual(value, python[key]):
			t.Errorf("%s: %q is %v, and the Python module's %v", name, key, value, python[key])
		}
	}
	if listed, ok := python["sessions"].([]any); ok && len(listed) > 0 {
		if one, ok := listed[0].(map[string]any); ok { // not the index, of which DIFFERENCES.md tells
			ours := own["sessions"].([]any)[0].(map[string]any)
			for key := range one {
				if _, ok := ours[key]; !ok && key != "Checks" { // which only sessions with such checks have
					t.Errorf("%s: sessions have no %s: %v", name, key, ours)
				}
			}
		}
	}
}

// difference is how a step ends by each module.
type difference struct{ python, own string }

// compareWithDocument compares the differences that were seen with those that DIFFERENCES.md lists.
func compareWithDocument(t *testing.T, seen map[string]difference) {
	t.Helper()
	text, err := os.ReadFile("../DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]difference{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) == 6 && !strings.Contains(line, "---") && !strings.Contains(line, "| step |") {
			for name := range strings.SplitSeq(cells[1], "<br>") {
				listed[strings.TrimSpace(name)] = difference{strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])}
			}
		}
	}
	for name, d := range seen {
		if listed[name] != d {
			t.Errorf("%s: %s by the Python module and %s by ours, which DIFFERENCES.md does not say", name, d.python, d.own)
		}
	}
	for name := range listed {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s: it is no difference, as DIFFERENCES.md says", name)
		}
	}
}
