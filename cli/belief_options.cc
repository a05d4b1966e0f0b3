#include "cli/belief_options.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

namespace nestp {

Result<> set_kernel(Request& request, std::string_view value) {
  Result<KernelFields> fields = parse_kernel_fields(value);
  if (!fields) return fields.error();
  // --hostname is a wish of its own, whichever came first.
  if (!fields->node) fields->node = request.kernel.node;
  request.kernel = *std::move(fields);
  return Done{};
}

Result<> set_strict_kernel(Request& request, std::string_view) {
  request.strict_kernel = true;
  return Done{};
}

Result<> set_hostname(Request& request, std::string_view value) {
  constexpr std::size_t kLongest = 64;  // bytes (__NEW_UTS_LEN)
  if (value.empty()) return Error{"the host's name is empty"};
  if (value.size() > kLongest) return Error{"the host's name is longer than 64 bytes"};
  request.kernel.node = std::string(value);
  return Done{};
}

Result<> set_emulator(Request& request, std::string_view value) {
  std::vector<std::string>& words = request.emulators.command;
  words.clear();
  while (!value.empty()) {
    const std::string_view word = value.substr(0, value.find(' '));
    value.remove_prefix(std::min(word.size() + 1, value.size()));
    if (!word.empty()) words.emplace_back(word);
  }
  if (words.empty()) return Error{"the emulator's name is empty"};
  return Done{};
}

Result<> set_mixed_mode(Request& request, std::string_view value) {
  if (value != "true" && value != "false") {
    return Error{"'" + std::string(value) + "' is none of true, false"};
  }
  request.emulators.is_mixed = value == "true";
  return Done{};
}

Result<> set_hidden_files(Request& request, std::string_view) {
  request.hide_files = true;
  return Done{};
}

Result<> set_link_sizes(Request& request, std::string_view) {
  request.link_sizes = true;
  return Done{};
}

Result<> add_port(Request& request, std::string_view value) {
  PortPair pair;
  const char* const end = value.data() + value.size();
  const auto inside = std::from_chars(value.data(), end, pair.guest);
  const bool has_two = inside.ec == std::errc() && inside.ptr != end && *inside.ptr == ':';
  const auto outside = has_two ? std::from_chars(inside.ptr + 1, end, pair.host) : inside;
  const bool is_pair = has_two && outside.ec == std::errc() && outside.ptr == end;
  if (!is_pair || pair.guest == 0 || pair.host == 0) {
    return Error{"'" + std::string(value) + "' is not IN:OUT, two ports from 1 to 65535"};
  }
  for (const PortPair& other : request.ports) {
    if (other.host != pair.host || other.guest == pair.guest) continue;
    return Error{"port " + std::to_string(pair.host) + " of the host is already port " +
                 std::to_string(other.guest) + " of the guest"};
  }
  request.ports.push_back(pair);
  return Done{};
}

Result<> set_free_ports(Request& request, std::string_view) {
  request.free_ports = true;
  return Done{};
}

Result<> set_own_ipc(Request& request, std::string_view) {
  request.own_ipc = true;
  return Done{};
}

Result<> set_fake_proc(Request& request, std::string_view) {
  request.fake_proc = true;
  return Done{};
}

Result<> set_emulated_links(Request& request, std::string_view) {
  request.emulate_links = true;
  return Done{};
}

Result<> set_root_id(Request& request, std::string_view) {
  request.ids = Request::Ids{};
  return Done{};
}

Result<> set_ids(Request& request, std::string_view value) {
  Request::Ids ids;
  const char* const end = value.data() + value.size();
  const auto user = std::from_chars(value.data(), end, ids.user);
  const bool has_group = user.ec == std::errc() && user.ptr != end && *user.ptr == ':';
  const auto group = has_group ? std::from_chars(user.ptr + 1, end, ids.group) : user;
  // The largest number stands for "no change" in every call.
  constexpr auto kNone = ~std::uint32_t{0};
  const bool is_number = has_group && group.ec == std::errc() && group.ptr == end;
  if (!is_number || ids.user == kNone || ids.group == kNone) {
    return Error{"'" + std::string(value) + "' is not UID:GID, two numbers"};
  }
  request.ids = ids;
  return Done{};
}

}  // namespace nestp
