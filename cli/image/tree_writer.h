// Writes the entries of an archive below one directory, and nowhere else.
//
// Names are walked by the kernel with that directory as root, so neither "..", nor an absolute
// name, nor a symbolic or hard link of the archive leads out of it.  Nothing that is there is
// ever opened for writing: it is replaced.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"
#include "cli/image/archive_reader.h"
#include "cli/image/owner_notes.h"
#include "fs/fd.h"

namespace nestp {

enum class Owners : std::uint8_t {
  own,      ///< all belongs to who unpacks
  archive,  ///< as the archive says; only root can
};

class TreeWriter {
 public:
  /// `notes`: remember owners that the tree cannot have; outlives the writer.
  TreeWriter(UniqueFd root, Owners owners, OwnerNotes* notes = nullptr)
      : root_(std::move(root)), owners_(owners), notes_(notes) {}

  /// `content` gives the parts of a file.
  Result<> add(const ArchiveEntry& entry,
               const std::function<Result<ArchiveReader::Part>()>& content);
  /// Directories get their modes and times, which their content would have changed.
  Result<> finish();

  /// Removes a name and all below it; none there is no failure.
  Result<> remove(const std::string& name);
  /// Removes what is in a directory but for the names that `is_kept` (full names) knows.
  Result<> clear(const std::string& name, const std::function<bool(const std::string&)>& is_kept);

  /// Device files and sockets that were left out.
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Place {
    int parent = -1;   ///< O_PATH; owned by the writer
    std::string last;  ///< last component
  };

  Result<Place> place_of(const std::string& name, bool make_parents);
  Result<int> parent_of(const std::string& directory, bool make);
  SysResult<UniqueFd> find(const std::string& path, int flags) const;
  Result<> make_room(const Place& place, const std::string& name);
  Result<> add_file(const ArchiveEntry& entry, const Place& place,
                    const std::function<Result<ArchiveReader::Part>()>& content);
  Result<> add_directory(const ArchiveEntry& entry, const Place& place, const std::string& name);
  Result<> add_hard_link(const ArchiveEntry& entry, const Place& place);
  Result<> add_special(const ArchiveEntry& entry, const Place& place);
  Result<> set_facts(const ArchiveEntry& entry, int fd) const;
  Result<> set_mode(const ArchiveEntry& entry, int fd) const;
  Result<> copy_file(int from_parent, const std::string& from, const Place& place,
                     const ArchiveEntry& entry) const;
  void forget_parent();

  UniqueFd root_;
  Owners owners_;
  OwnerNotes* notes_;
  std::vector<ArchiveEntry> later_;  ///< directories
  UniqueFd parent_;                  ///< of the last entry: archives go directory by directory
  std::string parent_name_;
  bool has_parent_ = false;
  std::uint64_t left_out_ = 0;
};

/// `name` of an archive as a relative path without "." and double slashes; empty for the root
/// itself.  An error for names that try to leave it.
Result<std::string> clean_name(std::string_view name);

/// Unpacks a whole archive into `directory`.  Gives the number of entries left out.
/// `notes`: whom the first entry belongs to is taken for root, as trees are packed by anybody.
Result<std::uint64_t> unpack(ArchiveReader& reader, const std::string& directory, Owners owners,
                             OwnerNotes* notes = nullptr);

}  // namespace nestp
