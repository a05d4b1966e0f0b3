// Records in extended attributes of the files themselves.
#pragma once

#include <string_view>

#include "extensions/identity/owner_store.h"

namespace nestp::identity {

class XattrStore final : public OwnerStore {
 public:
  SysResult<std::optional<OwnerRecord>> find(const FileRef& file,
                                             const OwnerRecord& natural) override;
  SysResult<> put(const FileRef& file, const OwnerRecord& record) override;
  SysResult<> remove(const FileRef& file) override;
  SysResult<std::string> attribute(const FileRef& file, const std::string& name) override;
  SysResult<> set_attribute(const FileRef& file, const std::string& name, const std::string& value,
                            int flags) override;
  SysResult<> remove_attribute(const FileRef& file, const std::string& name) override;
  std::vector<std::string> attributes(const FileRef& file) override;

  /// True for names of nestp's own, which no guest may see.
  static bool is_own(std::string_view name);
};

/// The calls of this name on a path; `follow` chooses between getxattr(2) and lgetxattr(2).
SysResult<std::string> read_attribute(const std::string& host, bool follow,
                                      const std::string& name);
SysResult<std::vector<std::string>> list_attributes(const std::string& host, bool follow);

}  // namespace nestp::identity
