// Package kubernetes checks the manifests beside it without a cluster: kustomize builds them, and
// Kubernetes' own types decode what it built, strictly.
package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what kustomize built, by name.
type manifests struct {
	deployments map[string]*appsv1.Deployment
	services    map[string]*corev1.Service
	budgets     map[string]*policyv1.PodDisruptionBudget
	policies    map[string]*networkingv1.NetworkPolicy
	accounts    map[string]*corev1.ServiceAccount
	settings    map[string]*corev1.ConfigMap
	namespaces  map[string]*corev1.Namespace
}

func build(t *testing.T, folder string) manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	m := manifests{
		map[string]*appsv1.Deployment{}, map[string]*corev1.Service{}, map[string]*policyv1.PodDisruptionBudget{},
		map[string]*networkingv1.NetworkPolicy{}, map[string]*corev1.ServiceAccount{}, map[string]*corev1.ConfigMap{}, map[string]*corev1.Namespace{},
	}
	documents := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		m.add(t, document)
	}
}

// add decodes one manifest into the type that its kind and version name. A member that the type
// does not know, or one given twice, is an error.
func (m manifests) add(t *testing.T, document []byte) {
	t.Helper()
	var is metav1.TypeMeta
	if err := yaml.Unmarshal(document, &is); err != nil {
		t.Fatal(err)
	}
	switch is.APIVersion + " " + is.Kind {
	case "apps/v1 Deployment":
		decode(t, document, m.deployments)
	case "v1 Service":
		decode(t, document, m.services)
	case "policy/v1 PodDisruptionBudget":
		decode(t, document, m.budgets)
	case "networking.k8s.io/v1 NetworkPolicy":
		decode(t, document, m.policies)
	case "v1 ServiceAccount":
		decode(t, document, m.accounts)
	case "v1 ConfigMap":
		decode(t, document, m.settings)
	case "v1 Namespace":
		decode(t, document, m.namespaces)
	default:
		t.Errorf("nobody checks a manifest of kind %s %s", is.APIVersion, is.Kind)
	}
}

func decode[T any, P interface {
	*T
	metav1.Object
}](t *testing.T, document []byte, into map[string]P) {
	t.Helper()
	object := P(new(T))
	if err := yaml.UnmarshalStrict(document, object, yaml.DisallowUnknownFields); err != nil {
		t.Errorf("%v\n%s", err, document)
		return
	}
	into[object.GetName()] = object
}

func TestBuilt(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"base", "example"} {
		m := build(t, folder)
		if got := slices.Sorted(maps.Keys(m.deployments)); !slices.Equal(got, []string{"settlecancel-server", "settlecancel-worker"}) {
			t.Errorf("%s: deployments %q", folder, got)
		}
		if len(m.services) != 2 || len(m.budgets) != 2 || len(m.policies) != 3 || len(m.accounts) != 1 || len(m.settings) != 1 {
			t.Errorf("%s: %d services, %d budgets, %d policies, %d accounts, %d sets of settings", folder,
				len(m.services), len(m.budgets), len(m.policies), len(m.accounts), len(m.settings))
		}
	}
	for name, d := range build(t, "example").deployments {
		if image := d.Spec.Template.Spec.Containers[0].Image; image != "registry.example/settlecancel:v1.0.0" || d.Namespace != "settlecancel" {
			t.Errorf("%s runs %s in %q", name, image, d.Namespace)
		}
	}
}

// TestStrict holds the check itself: what Kubernetes would drop in silence is an error here.
func TestStrict(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"readonlyRootFilesystems: true", "replicas: 1\nreplicas: 2", "replicas: two"} {
		err := yaml.UnmarshalStrict([]byte(wrong), &appsv1.DeploymentSpec{}, yaml.DisallowUnknownFields)
		if err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

// TestSelected checks that services, budgets and policies mean the pods that there are, and each
// only its own.
func TestSelected(t *testing.T) {
	t.Parallel()
	m := build(t, "example")
	selects := map[string]labels.Selector{}
	for name, s := range m.services {
		selects["service "+name] = labels.SelectorFromSet(s.Spec.Selector)
	}
	for name, b := range m.budgets {
		selects["budget "+name] = selector(t, b.Spec.Selector)
	}
	for name, p := range m.policies {
		selects["policy "+name] = selector(t, &p.Spec.PodSelector)
	}
	for name, d := range m.deployments {
		selects["deployment "+name] = selector(t, d.Spec.Selector)
	}
	for what, selected := range selects {
		for name, d := range m.deployments {
			want := strings.HasSuffix(what, " "+name) || what == "policy settlecancel"
			if got := selected.Matches(labels.Set(d.Spec.Template.Labels)); got != want {
				t.Errorf("%s selects %s: %v", what, name, got)
			}
		}
		if selected.Matches(labels.Set{"app": "somebody else's"}) {
			t.Errorf("%s selects pods of others", what)
		}
	}
}

func selector(t *testing.T, s *metav1.LabelSelector) labels.Selector {
	t.Helper()
	selected, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selected
}
