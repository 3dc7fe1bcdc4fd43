{{- /*
"true" when the definition is to be part of this release. Arguments: root, its name, the digest of what
it is to say.

It stays at uninstall, so it may be there already: of this release (Helm takes it again), of another one,
of a release that is gone, or of kubectl. Helm refuses the last three. Where it says what this one would
say nothing is to be done, and whoever has it keeps it. Where it says something else, a person decides.
`helm template` and Argo CD look nothing up, and render it always.
*/ -}}
{{- define "wscluster.crd.isToRender" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $digest := index . 2 -}}
{{- if $root.Values.crds.install -}}
  {{- $there := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name -}}
  {{- $annotations := dig "metadata" "annotations" dict $there -}}
  {{- $managedBy := dig "metadata" "labels" "app.kubernetes.io/managed-by" "" $there -}}
  {{- $release := get $annotations "meta.helm.sh/release-name" -}}
  {{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
  {{- $isOurs := and (eq $managedBy "Helm") (eq $release $root.Release.Name) (eq $namespace $root.Release.Namespace) -}}
  {{- if or (not $there) $isOurs -}}
true
  {{- else if ne (get $annotations "wscluster.io/definition") $digest -}}
    {{- fail (printf "\n\nThe CustomResourceDefinition %s is there, differs from that of this chart, and belongs to %s.\nMake it that of this chart:\n\n  helm template %s CHART --show-only templates/crd.yaml | kubectl apply --server-side --force-conflicts -f -\n\nand run this again. So it stays whose it is. To give it to this release, which upgrades it from then on, besides:\n\n  kubectl label --overwrite crd/%s app.kubernetes.io/managed-by=Helm\n  kubectl annotate --overwrite crd/%s meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s\n\nOr leave it alone with --set crds.install=false." $name (ternary (printf "the release %s in %s" $release $namespace) "no release" (ne $release "")) $root.Release.Name $name $name $root.Release.Name $root.Release.Namespace) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
