-- Health of a WsCluster for Argo CD: `resource.customizations.health.wscluster.io_WsCluster` in the
-- ConfigMap argocd-cm. docs/install.md says how.
local health = { status = "Progressing", message = "the operator has not looked at it yet" }
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "it is being deleted"
  return health
end
if obj.status == nil or obj.status.conditions == nil then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions["Ready"]
local degraded = conditions["Degraded"]
local progressing = conditions["Progressing"]
if ready == nil or (ready.observedGeneration or 0) < (obj.metadata.generation or 0) then
  return health
end
health.message = ready.message
if degraded ~= nil and degraded.status == "True" then
  health.status = "Degraded"
  health.message = degraded.message
elseif progressing ~= nil and progressing.status == "False" then
  health.status = "Degraded"
  health.message = progressing.message
elseif ready.status == "True" and ready.reason == "Stopped" then
  health.status = "Suspended"
elseif ready.status == "True" then
  health.status = "Healthy"
end
return health
