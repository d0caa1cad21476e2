{{/* What the client pods, the test pod and the autoscaler's pods have in common. Each takes the root context. */}}

{{/* Fields of a pod's spec: who runs it, and with which rights. */}}
{{- define "fl-clients.podIdentity" -}}
securityContext:
  runAsNonRoot: true
  {{- with .Values.userId }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  fsGroup: {{ int64 . }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Fields of a container: the image, and what it may not do. */}}
{{- define "fl-clients.container" -}}
image: {{ include "fl-clients.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
{{- end -}}

{{/* How a client reaches the API, and as whom. Takes a dict of root and pod, the pod's name as a variable reference or a name. */}}
{{- define "fl-clients.access" -}}
{{- $values := .root.Values -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: FED_CLIENT_NAME
  value: $(POD_NAMESPACE)/{{ .pod }}
- name: BASE_URL_OW
  value: {{ $values.openwhisk.baseUrl | quote }}
- name: FED_ENROLMENT_TOKEN_FILE
  value: /etc/fedwhisk/enrolment/token
{{- with $values.experiment.name }}
- name: FED_EXPERIMENT
  value: {{ . | quote }}
{{- end }}
{{- with $values.openwhisk.proxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with $values.openwhisk.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if $values.openwhisk.caBundle.configMap }}
- name: REQUESTS_CA_BUNDLE
  value: /etc/fedwhisk/ca/{{ $values.openwhisk.caBundle.key }}
{{- end }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The mounts that `access` needs; a client with its own token sees only that one. */}}
{{- define "fl-clients.accessMounts" -}}
- name: enrolment
  {{- if .root.Values.enrolment.perClient }}
  mountPath: /etc/fedwhisk/enrolment/token
  subPathExpr: {{ .pod }}
  {{- else }}
  mountPath: /etc/fedwhisk/enrolment
  {{- end }}
  readOnly: true
{{- if .root.Values.openwhisk.caBundle.configMap }}
- name: ca
  mountPath: /etc/fedwhisk/ca
  readOnly: true
{{- end }}
- name: scratch
  mountPath: /tmp
{{- with .root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The volumes behind `accessMounts`. */}}
{{- define "fl-clients.accessVolumes" -}}
- name: enrolment
  secret:
    secretName: {{ .Values.enrolment.existingSecret }}
    {{- if not .Values.enrolment.perClient }}
    items:
      - key: {{ .Values.enrolment.key }}
        path: token
    {{- end }}
{{- with .Values.openwhisk.caBundle.configMap }}
- name: ca
  configMap:
    name: {{ . }}
{{- end }}
- name: scratch
  emptyDir: {}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
