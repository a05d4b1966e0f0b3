// Hard links made of symbolic ones, on disk.
//
// A file with emulated links lies in a directory .nestp-links, the store, near the root
// of its tree, under a random name ID; each of its names is a symlink there, so it can be
// read from outside, too.  ID.links is a symlink whose text is their number.  It is raised
// before a name is made and lowered after one is gone: whenever nestp is killed, it may be
// too high, which keeps a file that nobody names, and never too low, which would lose one.
// A file changes places with its first symlink in one step (RENAME_EXCHANGE); where the
// file system cannot, ID.from tells the next session what to finish.
#pragma once

#include <string>
#include <unordered_set>

#include "arch/result.h"
#include "extensions/stored_file.h"

namespace nestp {

class LinkStore {
 public:
  /// link(2): `existing` becomes the first name of a stored file if it is none yet.  `top`: the
  /// host directory above which no store may be.
  SysResult<> link(const std::string& existing, const std::string& name, const std::string& top);
  /// A name of the file is gone; the last one takes the data with it.
  void release(const StoredFile& file);
  /// The name at `path` was moved there: it is to lead to its data again.
  void mend(const std::string& path);
  /// The same for all names below a directory.
  void mend_below(const std::string& directory);

 private:
  SysResult<StoredFile> convert(const std::string& existing, const std::string& top);
  SysResult<> move_in(const std::string& existing, const StoredFile& file);
  SysResult<std::string> make_store(const std::string& existing, const std::string& top);
  void recover(const std::string& store);

  std::unordered_set<std::string> recovered_;  ///< stores that were looked at
};

}  // namespace nestp
