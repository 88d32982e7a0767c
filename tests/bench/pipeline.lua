-- wrk: 16 requests in one write. wrk counts each response as a request.
local batch

function init(arguments)
    batch = string.rep(wrk.format("GET"), 16)
end

function request()
    return batch
end
