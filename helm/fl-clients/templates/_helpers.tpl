{{/* The name of all objects: at most 45 characters, so that "-<ordinal>", the controller's hash and our suffixes fit into 63. */}}
{{- define "fl-clients.fullname" -}}
{{- $name := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name)) -}}
{{- if gt (len $name) 45 -}}
{{- /* Cut names keep a hash, or two long releases could meet. */ -}}
{{- printf "%s-%s" (trunc 36 $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change, for selectors. */}}
{{- define "fl-clients.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of objects; not of pods, which they would restart with each version of the chart. */}}
{{- define "fl-clients.labels" -}}
{{ include "fl-clients.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "fl-clients.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The TCP ports that policies let through, as a JSON list: those given, else the URL's (the proxy's, if there is one). */}}
{{- define "fl-clients.apiPorts" -}}
{{- $host := regexFind "^https?://[^/?#]*" (.Values.openwhisk.proxy | default .Values.openwhisk.baseUrl) -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- $default := ternary 443 80 (hasPrefix "https:" $host) -}}
{{- .Values.networkPolicy.ports | default (list ($port | default $default | int)) | toJson -}}
{{- end -}}

{{/* The names of the variables that the chart sets itself. */}}
{{- define "fl-clients.ownVariables" -}}
POD_NAME POD_NAMESPACE BASE_URL_OW FED_CLIENT_NAME FED_EXPERIMENT FED_ENROLMENT_TOKEN_FILE FED_HEARTBEAT_FILE FED_ENROLLED_FILE FED_STAY FED_START_SPREAD_S FED_THREADS OMP_NUM_THREADS DATA_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY REQUESTS_CA_BUNDLE
{{- end -}}
