-- wrk -s keys.lua URL -- PREFIX SUFFIX FIRST KEYS: asks for one key after the other, the decimals of
-- ten digits from FIRST on, and after KEYS of them from 0 again.
local prefix, suffix, number, keys

function init(arguments)
    prefix, suffix = arguments[1], arguments[2]
    number, keys = tonumber(arguments[3]), tonumber(arguments[4])
end

function request()
    number = (number + 1) % keys
    return wrk.format("GET", string.format("%s%010d%s", prefix, number, suffix))
end
