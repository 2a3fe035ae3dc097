#!/usr/bin/env bash
# One job as a user writes it by hand, the same calls as ours: job.sh URL CLIP RESULT-FOLDER
set -euo pipefail
url=$1 clip=$2 folder=$3
id=render_$(cat /proc/sys/kernel/random/uuid)

call() {
  curl -q -sSf -H "Authorization: Bearer benchmark" -H "X-Skill-Source: reeldrop" -H "X-Skill-Version: 1" \
    -H "X-Skill-Platform: unknown" "$@"
}
json=(-H "Content-Type: application/json")

session=$(call "${json[@]}" -d '{"task_name":"project","language":"en"}' \
  "$url/api/tasks/me/with-session/nemo_agent" | jq -r .data.session_id)

call -o /dev/null -F "files=@$clip" "$url/api/upload-video/nemo_agent/me/$session"

message=$(jq -nc --arg session "$session" '{app_name: "nemo_agent", user_id: "me", session_id: $session,
  new_message: {parts: [{text: "trim to 1 s"}]}}')
call -N "${json[@]}" -H "Accept: text/event-stream" -d "$message" "$url/run_sse" \
  | sed -n 's/^data: //p' | jq -r 'select(.type == "text").content' >"$folder/$id.log"

call "$url/api/state/nemo_agent/me/$session/latest" \
  | jq -c --arg id "$id" --arg session "$session" \
    '{id: $id, sessionId: $session, draft: .data.state.draft, output: {format: "mp4", quality: "high"}}' \
    >"$folder/$id.json"
call "${json[@]}" -o /dev/null -d "@$folder/$id.json" "$url/api/render/proxy/lambda"

until result=$(call "$url/api/render/proxy/lambda/$id" | jq -er 'select(.data.status == "completed").data.outputUrl'); do
  sleep 1
done
call -o "$folder/$id.mp4" "$result"
