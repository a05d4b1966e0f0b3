#include "extensions/identity/inode_search.h"

#include <cerrno>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include "fs/directory_stream.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

bool is_directory(const dirent& entry, const std::string& path) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  const auto status = lstat_of(path);
  return status && S_ISDIR(status->st_mode);
}

}  // namespace

SysResult<std::unordered_set<ino_t>> find_inodes(const std::string& root,
                                                 const std::unordered_set<ino_t>& wanted) {
  std::unordered_set<ino_t> found;
  std::vector<std::string> todo{root};
  while (!todo.empty() && found.size() < wanted.size()) {
    const std::string path = std::move(todo.back());
    todo.pop_back();
    const DirectoryStream directory(opendir(path.c_str()));
    // One that was removed in the meantime is no matter.
    if (directory == nullptr && errno == ENOENT && path != root) continue;
    if (directory == nullptr) return Errno(errno);
    while (const dirent* entry = readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (wanted.contains(entry->d_ino)) found.insert(entry->d_ino);
      std::string below = path;
      below.append("/").append(name);
      if (is_directory(*entry, below)) todo.push_back(std::move(below));
    }
  }
  return found;
}

}  // namespace nestp::identity
