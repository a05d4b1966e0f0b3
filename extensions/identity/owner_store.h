// Where records of files are kept: one interface, two ways.
//
// extended attributes (xattr_store.h) live and die with their inode, travel with
// the file system and are understood by others; but symlinks, sockets, FIFOs and
// some file systems cannot have them.  For those there is a database beside the
// root file system (sqlite_store.h).  Which one a file gets is owned_files.h's choice.
#pragma once

#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "arch/result.h"
#include "extensions/identity/owner_record.h"

namespace nestp::identity {

/// A file of the host as it was just seen.
struct FileRef {
  std::string host;
  bool follow = false;  ///< if `host` is a link, what it leads to is meant
  struct stat status {};
};

/// Every change is complete, and safe from the end of any process, when the call returns.
class OwnerStore {
 public:
  virtual ~OwnerStore() = default;

  /// EOPNOTSUPP: this file cannot have a record here.  None: it has none.
  virtual SysResult<std::optional<OwnerRecord>> find(const FileRef& file,
                                                     const OwnerRecord& natural) = 0;
  virtual SysResult<> put(const FileRef& file, const OwnerRecord& record) = 0;
  virtual SysResult<> remove(const FileRef& file) = 0;

  /// Attributes of the name spaces trusted and security, by the name the guest gives.
  /// ENODATA: it has no such attribute.
  virtual SysResult<std::string> attribute(const FileRef& file, const std::string& name) = 0;
  /// `flags`: XATTR_CREATE, XATTR_REPLACE.
  virtual SysResult<> set_attribute(const FileRef& file, const std::string& name,
                                    const std::string& value, int flags) = 0;
  virtual SysResult<> remove_attribute(const FileRef& file, const std::string& name) = 0;
  /// Names of all of them.
  virtual std::vector<std::string> attributes(const FileRef& file) = 0;
};

}  // namespace nestp::identity
