// The file of plain files (gate/memo.h): which files were seen to have no record.
#pragma once

#include <string>
#include <sys/types.h>

#include "fs/fd.h"

namespace nestp {

class PlainFiles {
 public:
  /// In `cache`, a folder, for later sessions too; in memory if that is empty, cannot be written
  /// or is no file system of this machine's own.
  explicit PlainFiles(const std::string& cache);

  /// Where guests open it; empty: it could not be made.
  std::string path() const;

  /// The device of `directory` if attributes there change a file's status as plain files take for
  /// granted, and nobody else's machine changes them; else 0.
  static dev_t device_of(const std::string& directory);

 private:
  UniqueFd file_;
};

}  // namespace nestp
