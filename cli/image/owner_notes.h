// What a tree of an ordinary user's cannot hold: owners other than oneself, set-ID bits, devices.
//
// Kept as -0 keeps it (extensions/identity/owned_files.h), so that who enters such a tree with -0
// finds the owners of its archive, and an archive made of it has those that -0 shows.
#pragma once

#include <memory>
#include <string>

#include "arch/result.h"
#include "cli/image/archive_reader.h"

namespace nestp {

namespace identity {
class OwnedFiles;
}

class OwnerNotes {
 public:
  /// `root`: the root file system that it will be, beside which the database is if one is needed.
  explicit OwnerNotes(const std::string& root);
  ~OwnerNotes();
  OwnerNotes(const OwnerNotes&) = delete;
  OwnerNotes& operator=(const OwnerNotes&) = delete;

  /// False: plain modes say all that there is to say.
  static bool are_needed(const ArchiveEntry& entry);
  /// The open file, or directory, gets owner, mode and device of `entry`.
  SysResult<> note(int descriptor, const ArchiveEntry& entry);
  /// The same of a symlink.
  SysResult<> note_link(int parent, const std::string& name, const ArchiveEntry& entry);

  /// `entry`, which is what lstat(2) says of `name`, becomes what -0 shows of it.
  void show(int parent, const std::string& name, ArchiveEntry& entry);

 private:
  std::unique_ptr<identity::OwnedFiles> files_;
};

/// Where it keeps what the file system cannot, for a tree at `root`.
std::string owner_database(const std::string& root);

/// For an ordinary user; none for root, whose trees hold everything.
std::unique_ptr<OwnerNotes> owner_notes(const std::string& root);

}  // namespace nestp
