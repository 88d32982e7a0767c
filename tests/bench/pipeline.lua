-- wrk: 16 requests in one write. wrk counts each response as a request.
local depth = 16

function init(arguments)
    request = wrk.format("GET")
    batch = string.rep(request, depth)
end

request = function()
    return batch
end
