/* The last step of topology_check: whether those who ask can reach those who serve, and whether
 * what leaves a host is encrypted. */
#include "common/address.h"
#include "common/keys.h"
#include "common/topology_draft.h"

#include <string.h>

static bool read_keys(const struct topology_draft *draft, struct topology *topology, size_t index)
{
    const struct draft_process *process = &draft->processes[index];
    const struct draft_text *key = &process->public_key;
    struct topology_process *into = &topology->processes[index];

    into->key_file = process->key_file.text;
    into->allow_file = process->allow_file.text;
    into->has_public_key = key->text != NULL;
    return !key->text || keys_parse(key->text, strlen(key->text), into->public_key) ||
           draft_refuse(draft, key->place, process->name, "public_key",
                        "must be the %d hexadecimal digits that weir --make-keys printed",
                        2 * KEY_SIZE);
}

/* One shard, as one who is in `asker`'s process sees it. */
static bool check_ask(const struct topology_draft *draft, const struct topology *topology,
                      const struct topology_instance *asker, const struct topology_instance *asked)
{
    const struct draft_text *address = &draft->stages[asked->stage].serves.items[asked->number];
    const struct draft_process *process = &draft->processes[asker->process];

    if (address_scheme(asked->serves) == ADDRESS_INPROC && asker->process != asked->process)
        return draft_refuse(draft, address->place, topology->stages[asked->stage].name, "serves",
                            "%s asks %s from another process, which inproc:// does not reach; "
                            "ipc:// does on one host, tcp:// between hosts",
                            asker->name, asked->name);
    if (asked->is_encrypted && !process->key_file.text)
        return draft_refuse(draft, process->place, process->name, "key_file",
                            "is missing: %s asks %s, and that link is encrypted", asker->name,
                            asked->name);
    return true;
}

static bool check_serve(const struct topology_draft *draft, const struct topology *topology,
                        struct topology_instance *instance)
{
    const struct draft_stage *stage = &draft->stages[instance->stage];
    const struct draft_process *process = &draft->processes[instance->process];
    const char *lacking = NULL;

    if (address_scheme(instance->serves) != ADDRESS_TCP || stage->insecure)
        return true;
    instance->is_encrypted = topology->processes[instance->process].has_public_key;
    if (!instance->is_encrypted && !address_is_local(instance->serves))
        return draft_refuse(draft, stage->serves.items[instance->number].place, stage->name,
                            "serves",
                            "%s would be reached from other hosts unencrypted; give its process "
                            "public_key, key_file and allow_file (weir --make-keys), or say "
                            "insecure: true here",
                            instance->name);
    if (instance->is_encrypted)
        lacking = !process->key_file.text     ? "key_file"
                  : !process->allow_file.text ? "allow_file"
                                              : NULL;
    return !lacking || draft_refuse(draft, process->place, process->name, lacking,
                                    "is missing: %s serves there, encrypted", instance->name);
}

bool draft_check_reach(const struct topology_draft *draft, struct topology *topology)
{
    for (size_t i = 0; i < topology->process_count; i++)
        if (!read_keys(draft, topology, i))
            return false;
    for (size_t i = 0; i < topology->instance_count; i++)
        if (topology->instances[i].serves && !check_serve(draft, topology, &topology->instances[i]))
            return false;
    for (size_t i = 0; i < topology->instance_count; i++) {
        const struct topology_instance *asker = &topology->instances[i];
        const size_t asked = topology->stages[asker->stage].asks;
        if (asked == SIZE_MAX)
            continue;
        const struct topology_instance *shards =
            &topology->instances[topology->stages[asked].first_instance];
        for (size_t j = 0; j < topology->stages[asked].instance_count; j++)
            if (!check_ask(draft, topology, asker, &shards[j]))
                return false;
    }
    return true;
}
