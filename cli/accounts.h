// Users and groups by name or number, from files in the form of passwd(5) and group(5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace nestp {

struct Account {
  std::string name{};
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home{};
  std::string shell{};
};

/// The account called `word`, or numbered so.
std::optional<Account> find_account(std::string_view passwd, std::string_view word);
std::optional<gid_t> find_group(std::string_view group, std::string_view word);
/// The groups that list `name` as a member.
std::vector<gid_t> groups_of(std::string_view group, std::string_view name);

/// The whole text as a number.
std::optional<std::uint32_t> whole_number(std::string_view text);

}  // namespace nestp
