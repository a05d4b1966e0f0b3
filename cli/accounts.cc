#include "cli/accounts.h"

#include <algorithm>
#include <charconv>

namespace nestp {
namespace {

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::vector<std::string_view> fields_of(std::string_view line, char separator) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t end = line.find(separator);
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return fields;
    line.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::uint32_t> whole_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Account> find_account(std::string_view passwd, std::string_view word) {
  while (!passwd.empty()) {
    const auto fields = fields_of(next_line(passwd), ':');
    if (fields.size() < 7 || (fields[0] != word && fields[2] != word)) continue;
    const auto uid = whole_number(fields[2]);
    const auto gid = whole_number(fields[3]);
    if (!uid || !gid) continue;
    return Account{.name = std::string(fields[0]),
                   .uid = *uid,
                   .gid = *gid,
                   .home = std::string(fields[5]),
                   .shell = std::string(fields[6])};
  }
  return std::nullopt;
}

std::optional<gid_t> find_group(std::string_view group, std::string_view word) {
  while (!group.empty()) {
    const auto fields = fields_of(next_line(group), ':');
    if (fields.size() >= 3 && fields[0] == word) return whole_number(fields[2]);
  }
  return whole_number(word);
}

std::vector<gid_t> groups_of(std::string_view group, std::string_view name) {
  std::vector<gid_t> groups;
  while (!group.empty()) {
    const auto fields = fields_of(next_line(group), ':');
    if (fields.size() < 4) continue;
    const auto members = fields_of(fields[3], ',');
    const auto number = whole_number(fields[2]);
    if (number && std::ranges::find(members, name) != members.end()) groups.push_back(*number);
  }
  return groups;
}

}  // namespace nestp
