{{/* Rules that span fields, as sentences. All faults are reported at once. */}}
{{- define "fl-clients.validate" -}}
{{- $wrong := list -}}
{{- with .Values.openwhisk.baseUrl -}}
{{- if not (regexMatch "^https?://[^/?#\\s]+(/[^?#\\s]*)?$" .) -}}
{{- $wrong = append $wrong (printf "openwhisk.baseUrl: found %q, expected a URL such as https://HOST/api/v1/web/guest/fedwhisk" .) -}}
{{- end -}}
{{- else -}}
{{- $wrong = append $wrong "openwhisk.baseUrl: found nothing, expected the URL under which the actions are reached, such as https://HOST/api/v1/web/guest/fedwhisk" -}}
{{- end -}}
{{- if not .Values.enrolment.existingSecret -}}
{{- $wrong = append $wrong "enrolment.existingSecret: found nothing, expected the name of the Secret with the enrolment token (kubectl create secret generic NAME --from-literal=token=TOKEN)" -}}
{{- end -}}
{{- if and .Values.experiment.name (not (regexMatch "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" .Values.experiment.name)) -}}
{{- $wrong = append $wrong (printf "experiment.name: found %q, expected 1 to 63 lower-case letters, digits or inner hyphens" .Values.experiment.name) -}}
{{- end -}}
{{- if and .Values.data.sharedClaim .Values.data.claimPerClient.size -}}
{{- $wrong = append $wrong "data: found sharedClaim and claimPerClient.size, expected one of them" -}}
{{- end -}}
{{- $limits := .Values.clients.resources.limits | default dict -}}
{{- range list "cpu" "memory" -}}
{{- if not (get $limits .) -}}
{{- $wrong = append $wrong (printf "clients.resources.limits.%s: found nothing, expected a limit: without it %s" . (ternary "each client would start a thread for every core of its node" "one client could take its whole node down" (eq . "cpu"))) -}}
{{- end -}}
{{- end -}}
{{- $own := splitList " " (include "fl-clients.ownVariables" .) -}}
{{- range .Values.extraEnv -}}
{{- if has .name $own -}}
{{- $wrong = append $wrong (printf "extraEnv: found %s, which the chart sets itself" .name) -}}
{{- end -}}
{{- end -}}
{{- range list "name" "instance" "component" -}}
{{- $label := printf "app.kubernetes.io/%s" . -}}
{{- if hasKey $.Values.podLabels $label -}}
{{- $wrong = append $wrong (printf "podLabels: found %s, by which the chart finds its pods" $label) -}}
{{- end -}}
{{- end -}}
{{- $full := include "fl-clients.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- $wrong = append $wrong (printf "fullnameOverride or the release's name: found %q, expected lower-case letters, digits and inner hyphens, a letter first" $full) -}}
{{- end -}}
{{- if and .Values.autoscale.enabled (lt (int .Values.clients.count) 1) -}}
{{- $wrong = append $wrong "clients.count: found 0, expected the number of clients that autoscale brings up" -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n\n%s\n" (join "\n" $wrong)) -}}
{{- end -}}
{{- end -}}
