#include "extensions/identity/xattr_store.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/xattr.h>

namespace nestp::identity {
namespace {

constexpr const char* kOverride = "user.containers.override_stat";
constexpr const char* kRootless = "user.rootlesscontainers";
/// Put before trusted.* and security.*, as fuse-overlayfs does with the latter.
constexpr std::string_view kPrefix = "user.containers.";

std::string own_name(const std::string& name) { return std::string(kPrefix) + name; }

SysResult<> set(const FileRef& file, const char* name, const std::string& value, int flags) {
  const auto call = file.follow ? setxattr : lsetxattr;
  if (call(file.host.c_str(), name, value.data(), value.size(), flags) != 0) return Errno(errno);
  return Done{};
}

SysResult<> drop(const FileRef& file, const char* name) {
  const auto call = file.follow ? removexattr : lremovexattr;
  if (call(file.host.c_str(), name) != 0) return Errno(errno);
  return Done{};
}

}  // namespace

SysResult<std::string> read_attribute(const std::string& host, bool follow,
                                      const std::string& name) {
  const auto call = follow ? getxattr : lgetxattr;
  std::array<char, 256> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  ssize_t size = call(host.c_str(), name.c_str(), room.data(), room.size());
  if (size >= 0) return std::string(room.data(), static_cast<std::size_t>(size));
  if (errno != ERANGE) return Errno(errno);
  constexpr std::size_t kMost = 65536;  // XATTR_SIZE_MAX
  std::string text(kMost, '\0');
  size = call(host.c_str(), name.c_str(), text.data(), text.size());
  if (size < 0) return Errno(errno);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

SysResult<std::vector<std::string>> list_attributes(const std::string& host, bool follow) {
  const auto call = follow ? listxattr : llistxattr;
  constexpr std::size_t kMost = 65536;  // XATTR_LIST_MAX
  std::string text(kMost, '\0');
  const ssize_t size = call(host.c_str(), text.data(), text.size());
  if (size < 0) return Errno(errno);
  std::vector<std::string> names;
  for (std::size_t at = 0; at < static_cast<std::size_t>(size); at += names.back().size() + 1)
    names.emplace_back(text.c_str() + at);
  return names;
}

bool XattrStore::is_own(std::string_view name) {
  return name.starts_with(kPrefix) || name == kRootless;
}

SysResult<std::optional<OwnerRecord>> XattrStore::find(const FileRef& file,
                                                       const OwnerRecord& natural) {
  // Most files have no attribute at all, which is found out with one call; and to list them needs
  // no permission on the file.
  const auto list = file.follow ? listxattr : llistxattr;
  std::array<char, 1024> names;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  const ssize_t size = list(file.host.c_str(), names.data(), names.size());
  if (size < 0 && errno != ERANGE) return Errno(errno);
  if (size == 0) return std::optional<OwnerRecord>();
  const std::string_view all(names.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  const auto may_have = [&](const char* name) {
    return size < 0 || all.find(std::string_view(name, std::strlen(name) + 1)) != all.npos;
  };
  if (may_have(kOverride)) {
    const auto text = read_attribute(file.host, file.follow, kOverride);
    if (text) return parse_override(*text, file.status.st_mode);
    if (text.error() != Errno(ENODATA)) return text.error();
  }
  if (!may_have(kRootless)) return std::optional<OwnerRecord>();
  const auto bytes = read_attribute(file.host, file.follow, kRootless);
  if (!bytes) return std::optional<OwnerRecord>();
  return parse_rootless(*bytes, natural);
}

SysResult<> XattrStore::put(const FileRef& file, const OwnerRecord& record) {
  return set(file, kOverride, override_text(record), 0);
}

SysResult<> XattrStore::remove(const FileRef& file) {
  const auto done = drop(file, kOverride);
  (void)drop(file, kRootless);  // mostly there is none
  if (!done && done.error() == Errno(ENODATA)) return Done{};
  return done;
}

SysResult<std::string> XattrStore::attribute(const FileRef& file, const std::string& name) {
  return read_attribute(file.host, file.follow, own_name(name));
}

SysResult<> XattrStore::set_attribute(const FileRef& file, const std::string& name,
                                      const std::string& value, int flags) {
  return set(file, own_name(name).c_str(), value, flags);
}

SysResult<> XattrStore::remove_attribute(const FileRef& file, const std::string& name) {
  return drop(file, own_name(name).c_str());
}

std::vector<std::string> XattrStore::attributes(const FileRef& file) {
  std::vector<std::string> found;
  const auto names = list_attributes(file.host, file.follow);
  if (!names) return found;
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix) || name == kOverride) continue;
    found.push_back(name.substr(kPrefix.size()));
  }
  return found;
}

}  // namespace nestp::identity
