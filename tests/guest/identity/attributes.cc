// Extended attributes by name space.
#include <algorithm>
#include <linux/capability.h>
#include <sys/xattr.h>

#include "tests/guest/identity/table.h"

namespace {

/// Names, sorted; the host's own labels are left out.
std::string names(const char* path) {
  char text[4096];
  const ssize_t size = llistxattr(path, text, sizeof text);
  if (size < 0) return outcome(-1);
  std::vector<std::string> all;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(all.back().size()) + 1)
    all.emplace_back(text + at);
  std::sort(all.begin(), all.end());
  std::string line;
  for (const std::string& name : all) {
    if (name != "security.selinux") line += name + " ";
  }
  return line;
}

void try_names(const char* path) {
  show("attributes of", path);
  char value[16];
  for (const char* name : {"user.a", "trusted.a", "security.a", "unknown.a"}) {
    show("name", name);
    CALL(lsetxattr(path, name, "value", 5, 0));
    CALL(lsetxattr(path, name, "value", 5, XATTR_CREATE));
    CALL(lsetxattr(path, name, "other", 5, XATTR_REPLACE));
    CALL(lgetxattr(path, name, nullptr, 0));
    CALL(lgetxattr(path, name, value, 2));
    CALL(lgetxattr(path, name, value, sizeof value));
    show("list", names(path));
    CALL(lremovexattr(path, name));
    CALL(lremovexattr(path, name));
    CALL(lgetxattr(path, name, value, sizeof value));
  }
}

}  // namespace

void table_of_attributes() {
  put("attributed", 33, 34, 0444);
  put_directory("attributed_directory", 33, 34, 0500);
  CALL(symlink("attributed", "attributed_link"));
  try_names("attributed");
  try_names("attributed_directory");
  try_names("attributed_link");
  as(33, 34, {}, [] { try_names("attributed"); });
  as(50, 51, {}, [] { try_names("attributed"); });

  vfs_cap_data capabilities{};
  capabilities.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  capabilities.data[0].permitted = 1U << CAP_NET_RAW;
  constexpr const char* kName = "security.capability";
  const std::size_t size = XATTR_CAPS_SZ_2;
  CALL(setxattr("attributed", kName, &capabilities, size, 0));
  CALL(getxattr("attributed", kName, nullptr, 0));
  CALL(setxattr("attributed", kName, "x", 1, 0));
  CALL(setxattr("attributed_directory", kName, &capabilities, size, 0));
  show("list", names("attributed"));
  CALL(rename("attributed", "attributed_moved"));
  show("list", names("attributed_moved"));
  CALL(chown("attributed_moved", 1, 1));
  show("list", names("attributed_moved"));
  as(1, 1, {}, [&] { CALL(setxattr("attributed_moved", kName, &capabilities, size, 0)); });
}
