// Whole directory trees: into an archive, and beside themselves.
#pragma once

#include <string>

#include "arch/result.h"
#include "cli/image/archive_reader.h"
#include "cli/image/archive_writer.h"
#include "cli/image/tree_writer.h"

namespace nestp::environment {

/// Where owners are remembered; null: the tree has them itself.
struct TreeNotes {
  OwnerNotes* from = nullptr;
  OwnerNotes* to = nullptr;
};

/// Adds all below `root` to the archive, under names that start with `prefix`.
Result<> pack_tree(const std::string& root, const std::string& prefix, ArchiveWriter& archive,
                   OwnerNotes* notes);

/// Copies all below `from` into the empty directory `to`; hard links stay hard links.
Result<> copy_tree(const std::string& from, const std::string& to, Owners owners,
                   const TreeNotes& notes);

}  // namespace nestp::environment
