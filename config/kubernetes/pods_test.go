package kubernetes

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"settlecancel/config"
)

// TestConfined checks what a cluster that enforces the "restricted" standard demands of a pod, and
// what else it can do without.
func TestConfined(t *testing.T) {
	t.Parallel()
	for name, d := range build(t, "example").deployments {
		pod := d.Spec.Template.Spec
		s, c := pod.SecurityContext, pod.Containers[0].SecurityContext
		if s == nil || !*s.RunAsNonRoot || *s.RunAsUser != 65532 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: pod's security %+v", name, s)
		}
		if c == nil || *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("%s: container's security %+v", name, c)
		}
		if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.ServiceAccountName != "settlecancel" {
			t.Errorf("%s can speak to Kubernetes", name)
		}
		if r := pod.Containers[0].Resources; r.Limits.Memory().IsZero() || r.Requests.Cpu().IsZero() {
			t.Errorf("%s has no limits: %+v", name, r)
		}
		if *d.Spec.Replicas < 2 || d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
			t.Errorf("%s: %d replicas, %+v", name, *d.Spec.Replicas, d.Spec.Strategy)
		}
	}
}

// TestProbed checks that the probes ask what the program answers, at a port that it has.
func TestProbed(t *testing.T) {
	t.Parallel()
	for name, d := range build(t, "example").deployments {
		c := d.Spec.Template.Spec.Containers[0]
		for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != c.Ports[0].Name {
				t.Errorf("%s: probe of %s: %+v", name, path, probe)
			}
		}
		if c.StartupProbe == nil {
			t.Errorf("%s: no startup probe", name)
		}
	}
}

// TestSettings loads the settings of each pod, its secrets mounted as files.
func TestSettings(t *testing.T) {
	t.Parallel()
	m := build(t, "example")
	for name, d := range m.deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := d.Spec.Template.Spec
			root := t.TempDir()
			mountSecrets(t, root, pod)
			var environ []string
			add := func(name, value string) {
				if strings.HasPrefix(value, "/secrets/") {
					value = root + value
				}
				environ = append(environ, name+"="+value)
			}
			for _, from := range pod.Containers[0].EnvFrom {
				settings := m.settings[from.ConfigMapRef.Name]
				if settings == nil {
					t.Fatalf("no ConfigMap %s; there are %q", from.ConfigMapRef.Name, slices.Collect(maps.Keys(m.settings)))
				}
				for k, v := range settings.Data {
					add(k, v)
				}
			}
			for _, e := range pod.Containers[0].Env {
				add(e.Name, e.Value)
			}
			c, err := config.Load(environ)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Merchants) != 1 || c.RedisWaitReplicas != 1 {
				t.Errorf("%d merchants, %d replicas to wait for", len(c.Merchants), c.RedisWaitReplicas)
			}
			port := fmt.Sprintf("0.0.0.0:%d", pod.Containers[0].Ports[0].ContainerPort)
			if strings.HasSuffix(name, "server") && (c.HTTPAddr != port || c.CheckServer() != nil) {
				t.Errorf("the server would not start at %s: %v", c.HTTPAddr, c.CheckServer())
			}
			if strings.HasSuffix(name, "worker") && (c.OpsAddr != port || c.ReconcileDaily == "") {
				t.Errorf("the worker listens at %s, compares daily at %q", c.OpsAddr, c.ReconcileDaily)
			}
			holdGrace(t, name, pod, c.Timeout)
		})
	}
}

// holdGrace checks that a pod is not killed before it can have left by itself.
func holdGrace(t *testing.T, name string, pod corev1.PodSpec, timeout time.Duration) {
	t.Helper()
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	need := timeout + 20*time.Second // the worker takes so long at most: a lease of 15 s, the request, and some
	if strings.HasSuffix(name, "server") {
		sleep := pod.Containers[0].Lifecycle.PreStop.Sleep
		if sleep == nil || sleep.Seconds < 1 {
			t.Error("requests come in after the server has left")
			return
		}
		need = time.Duration(sleep.Seconds)*time.Second + 10*time.Second
	}
	if grace < need+5*time.Second {
		t.Errorf("%s is killed after %s, and may need %s", name, grace, need)
	}
}

// mountSecrets makes the files of the secrets that README.md says to create.
func mountSecrets(t *testing.T, root string, pod corev1.PodSpec) {
	t.Helper()
	made := map[string]map[string]string{
		"settlecancel-redis": {"url": "redis://settlecancel:PASSWORD@redis:6379/0"},
		"settlecancel-merchants": {
			"merchants.yaml": "merchants:\n  - mchtId: shop_kr\n    hashKeyFile: shop_kr.hash\n    aesKeyFile: shop_kr.aes\n",
			"shop_kr.hash":   "hash-key-of-a-shop-1", "shop_kr.aes": "aes-key-of-a-shop-with-32-bytes.",
		},
		"settlecancel-payload": {"key": base64.StdEncoding.EncodeToString([]byte("thirty-two bytes of a key, no le"))},
		"settlecancel-access":  {"tokens": "shop:sixteen-characters-or-more", "ops-user": "ops", "ops-password": "a long password"},
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		if !mount.ReadOnly {
			t.Errorf("%s can be written", mount.MountPath)
		}
		at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if at < 0 || pod.Volumes[at].Secret == nil || made[pod.Volumes[at].Secret.SecretName] == nil {
			t.Fatalf("no secret is mounted at %s", mount.MountPath)
		}
		folder := filepath.Join(root, mount.MountPath)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range made[pod.Volumes[at].Secret.SecretName] {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestNetwork checks that a policy names no port that its pods do not have, and that names can be
// resolved: kustomize can put labels of ours on selectors of others.
func TestNetwork(t *testing.T) {
	t.Parallel()
	m := build(t, "example")
	for name, p := range m.policies {
		d := m.deployments[name]
		if d == nil {
			continue
		}
		for _, rule := range p.Spec.Ingress {
			if len(rule.From) == 0 || len(rule.Ports) != 1 || rule.Ports[0].Port.String() != d.Spec.Template.Spec.Containers[0].Ports[0].Name {
				t.Errorf("%s lets in %+v", name, rule)
			}
		}
	}
	all := m.policies["settlecancel"]
	if !slices.Equal(all.Spec.PolicyTypes, []networkingv1.PolicyType{"Ingress", "Egress"}) || len(all.Spec.Ingress) != 0 {
		t.Errorf("what is not named is not shut out: %+v", all.Spec)
	}
	names := all.Spec.Egress[0].To[0].PodSelector.MatchLabels
	if !maps.Equal(names, map[string]string{"k8s-app": "kube-dns"}) {
		t.Errorf("names are asked of %v", names)
	}
	if len(m.policies["settlecancel-server"].Spec.Egress) != 0 {
		t.Error("the server may speak to others than Redis")
	}
}
