// Extended attributes by name space.
#include <algorithm>
#include <fcntl.h>
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

/// Where no file has any.
void without_attributes() {
  char value[16];
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) show("pipe", outcome(-1));
  for (const uid_t user : {0U, 50U}) {
    show("user", std::to_string(user));
    as(user, user, {}, [&] {
      for (const char* name : {"trusted.a", "security.a"}) {
        for (const char* path : {"/proc/self/cwd", "/proc/self/status", "/proc"}) {
          show(name, path);
          CALL(lsetxattr(path, name, "value", 5, 0));
          CALL(lgetxattr(path, name, value, sizeof value));
          CALL(lremovexattr(path, name));
        }
        CALL(fsetxattr(pipe[0], name, "value", 5, 0));
        CALL(fgetxattr(pipe[0], name, value, sizeof value));
        CALL(fremovexattr(pipe[0], name));
      }
    });
  }
  close(pipe[0]);
  close(pipe[1]);
}

}  // namespace

/// A list with these bits for owner, user 50, group, mask and others.
std::string list_of(int owner_bits, int user_bits, int group_bits, int mask_bits, int other_bits) {
  struct Line {
    unsigned short tag, bits;
    unsigned id;
  };
  const auto line = [](int tag, int bits, unsigned id = ~0U) {
    return Line{static_cast<unsigned short>(tag), static_cast<unsigned short>(bits), id};
  };
  std::vector<Line> lines = {line(1, owner_bits)};
  if (mask_bits >= 0) lines.push_back(line(2, user_bits, 50));
  lines.push_back(line(4, group_bits));
  if (mask_bits >= 0) lines.push_back(line(0x10, mask_bits));
  lines.push_back(line(0x20, other_bits));
  std::string list("\2\0\0\0", 4);
  list.append(reinterpret_cast<const char*>(lines.data()), lines.size() * sizeof(Line));
  return list;
}

void access_lists() {
  constexpr const char* kList = "system.posix_acl_access";
  put("listed", 33, 34, 0644);
  for (const std::string& list :
       {list_of(0, 0, 0, -1, 0), list_of(6, 0, 4, -1, 1), list_of(4, 6, 1, 5, 0),
        list_of(0, 7, 7, 7, 7), list_of(6, 0, 4, -1, 4)}) {
    CALL(setxattr("listed", kList, list.data(), list.size(), 0));
    show_owner("listed");
    char got[256];
    const ssize_t size = getxattr("listed", kList, got, sizeof got);
    show("same list", size < 0                                                   ? outcome(-1)
                      : std::string(got, static_cast<std::size_t>(size)) == list ? "yes"
                                                                                 : "no");
    show("list", names("listed"));
    CALL(chmod("listed", 0640));
    show_owner("listed");
  }
  const std::string named = list_of(6, 4, 0, 6, 0);
  CALL(chmod("listed", 0600));
  CALL(setxattr("listed", kList, named.data(), named.size(), 0));
  for (const uid_t user : {33U, 50U, 51U}) {
    as(user, 34, {}, [] {
      CALL(access("listed", R_OK));
      CALL(access("listed", W_OK));
    });
    as(user, 99, {}, [] { CALL(access("listed", R_OK)); });
  }
  put_directory("listed_directory", 33, 34, 0777);
  CALL(setxattr("listed_directory", "system.posix_acl_default", named.data(), named.size(), 0));
  for (const uid_t user : {0U, 50U}) {
    as(user, user, {}, [] {
      CALL(mknod("listed_directory/new", S_IFREG | 0666, 0));
      CALL(mkdir("listed_directory/inner", 0777));
      show_owner("listed_directory/new");
      show_owner("listed_directory/inner");
    });
    as(50, 77, {}, [] { CALL(access("listed_directory/new", R_OK | W_OK)); });
    as(51, 77, {}, [] { CALL(access("listed_directory/new", R_OK)); });
    show("list", names("listed_directory/inner"));
    unlink("listed_directory/new");
    rmdir("listed_directory/inner");
  }
  CALL(setxattr("listed", kList, "x", 1, 0));
  as(50, 51, {}, [] { CALL(setxattr("listed", kList, "x", 1, 0)); });
}

void table_of_attributes_of_others() {
  struct stat status;
  put("plain", 0, 0, 0644);
  for (int round = 0; round < 3; ++round) {
    CALL(lstat("plain", &status));
    CALL(lgetxattr("plain", "security.a", nullptr, 0));
    apart([] { CALL(setxattr("plain", "security.a", "value", 5, 0)); });
    CALL(lgetxattr("plain", "security.a", nullptr, 0));
    show("list", names("plain"));
    apart([] { CALL(lremovexattr("plain", "security.a")); });
    CALL(lgetxattr("plain", "security.a", nullptr, 0));
  }
}

void table_of_attributes() {
  without_attributes();
  put("attributed", 33, 34, 0444);
  put_directory("attributed_directory", 33, 34, 0500);
  CALL(symlink("attributed", "attributed_link"));
  try_names("attributed");
  try_names("attributed_directory");
  try_names("attributed_link");
  as(33, 34, {}, [] { try_names("attributed"); });
  as(50, 51, {}, [] { try_names("attributed"); });

  for (const uid_t user : {5U, 0U}) {
    CALL(lsetxattr("attributed_link", "trusted.a", "value", 5, 0));
    CALL(lchown("attributed_link", user, user));
    show("list", names("attributed_link"));
  }

  access_lists();
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
