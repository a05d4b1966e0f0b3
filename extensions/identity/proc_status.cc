#include "extensions/identity/proc_status.h"

#include <array>
#include <cstdio>
#include <string_view>

namespace nestp::identity {
namespace {

/// Replaces what stands behind "\nname:\t" in its line.
void replace_line(std::string& text, std::string_view name, const std::string& value) {
  const std::string start = "\n" + std::string(name) + ":\t";
  const std::size_t at = text.find(start);
  if (at == text.npos) return;
  const std::size_t from = at + start.size();
  const std::size_t end = std::min(text.find('\n', from), text.size());
  text.replace(from, end - from, value);
}

std::string ids_text(const IdSet& ids) {
  return std::to_string(ids.real) + "\t" + std::to_string(ids.effective) + "\t" +
         std::to_string(ids.saved) + "\t" + std::to_string(ids.file_system);
}

std::string set_text(std::uint64_t set) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(set));
  return text.data();
}

}  // namespace

void show_credentials(std::string& text, const Credentials& who) {
  replace_line(text, "Uid", ids_text(who.user));
  replace_line(text, "Gid", ids_text(who.group));
  std::string groups;
  for (const Id group : who.groups)
    groups += std::to_string(group) + " ";
  if (groups.empty()) groups = " ";
  replace_line(text, "Groups", groups);
  replace_line(text, "CapInh", set_text(who.capabilities.inheritable));
  replace_line(text, "CapPrm", set_text(who.capabilities.permitted));
  replace_line(text, "CapEff", set_text(who.capabilities.effective));
  replace_line(text, "CapBnd", set_text(who.capabilities.bounding));
  replace_line(text, "CapAmb", set_text(who.capabilities.ambient));
}

std::optional<std::string> id_map_text(std::string_view name) {
  // kernel/user_namespace.c, uid_m_show: of the first user namespace, as a container's root has it.
  if (name == "uid_map" || name == "gid_map") return "         0          0 4294967295\n";
  if (name == "setgroups") return "allow\n";
  return std::nullopt;
}

}  // namespace nestp::identity
