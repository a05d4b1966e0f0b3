#include "cli/remove_all.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/namespace/id_map.h"
#include "fs/session_directory.h"

namespace nestp {

bool remove_all(const std::string& path) {
  const auto is_gone = [&path] {
    return ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  };
  remove_tree(AT_FDCWD, path);
  if (is_gone()) return true;
  run_with_subordinate_ids([&path] {
    remove_tree(AT_FDCWD, path);
    return 0;
  });
  return is_gone();
}

}  // namespace nestp
