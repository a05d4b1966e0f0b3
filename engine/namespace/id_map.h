// User and group ids of a user namespace: which maps to write, and writing them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "arch/result.h"
#include "engine/isolation.h"

namespace nestp {

/// The ranges that a file as /etc/subuid grants to the user called `name` or numbered `id`.
std::vector<IdRange> parse_subordinate(std::string_view text, std::string_view name, uid_t id);

/// One's own id `outside` as `inside`, and the granted ranges for all others from 0 on.
std::vector<IdRange> spread_ids(std::uint32_t inside, std::uint32_t outside,
                                const std::vector<IdRange>& granted);

/// Text of a map file.
std::string map_text(const std::vector<IdRange>& ranges);

/// Writes both maps of `process`, which is in a new user namespace: by newuidmap(1) and
/// newgidmap(1) where they are wanted and there, else by itself.
Result<> write_id_maps(pid_t process, const Isolation& isolation);

/// Runs `work` in a child that is root of a user namespace with one's subordinate ids as the
/// others; gives its exit status, -1 if that is not possible here.
int run_with_subordinate_ids(const std::function<int()>& work);

}  // namespace nestp
