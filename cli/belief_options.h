// What options of the groups "What the guest believes" and "What the guest finds" do to a Request.
#pragma once

#include <string_view>

#include "arch/result.h"
#include "cli/options.h"

namespace nestp {

Result<> set_kernel(Request& request, std::string_view value);
Result<> set_strict_kernel(Request& request, std::string_view value);
Result<> set_hostname(Request& request, std::string_view value);
Result<> set_emulator(Request& request, std::string_view value);
Result<> set_mixed_mode(Request& request, std::string_view value);

/// -H
Result<> set_hidden_files(Request& request, std::string_view value);
/// -L
Result<> set_link_sizes(Request& request, std::string_view value);
/// -p IN:OUT
Result<> add_port(Request& request, std::string_view value);
/// --netcoop
Result<> set_free_ports(Request& request, std::string_view value);
/// --sysvipc
Result<> set_own_ipc(Request& request, std::string_view value);
Result<> set_fake_proc(Request& request, std::string_view value);
/// -l
Result<> set_emulated_links(Request& request, std::string_view value);

/// -0
Result<> set_root_id(Request& request, std::string_view value);
/// -i UID:GID
Result<> set_ids(Request& request, std::string_view value);

}  // namespace nestp
