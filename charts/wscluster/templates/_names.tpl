{{- /*
Objects of the namespace have fixed names: the Lease and the Secret have, so that there is one operator
in a namespace, and Helm says so when there would be two.
*/ -}}
{{- define "wscluster.name" -}}
wscluster-operator
{{- end -}}

{{- define "wscluster.metricsService" -}}
{{ include "wscluster.name" . }}-metrics
{{- end -}}

{{- /* Of what has no namespace. Arguments: root, a name. */ -}}
{{- define "wscluster.ofCluster" -}}
{{ index . 1 }}.{{ (index . 0).Release.Namespace }}
{{- end -}}

{{- /* Gateways let pods with this label reach their admin port. */ -}}
{{- define "wscluster.selector" -}}
app.kubernetes.io/name: {{ include "wscluster.name" . }}
{{- end -}}

{{- define "wscluster.labels" -}}
{{ include "wscluster.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: wscluster
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Arguments: root, the value that describes the image. */ -}}
{{- define "wscluster.imageOf" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $root.Values.global.imageRegistry | default $image.registry -}}
{{- with $registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "wscluster.image" -}}
{{ include "wscluster.imageOf" (list . .Values.image) }}
{{- end -}}

{{- define "wscluster.gatewayImage" -}}
{{ include "wscluster.imageOf" (list . .Values.gatewayImage) }}
{{- end -}}

{{- /* What Pod Security `restricted` asks of a container. */ -}}
{{- define "wscluster.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}
