// What getdents(2) and its kin have told a guest, for extensions that change it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/extension.h"

namespace nestp {

/// One entry of a directory as the guest is to see it.
struct ListedEntry {
  std::string_view name;
  std::uint64_t inode;
  std::uint8_t type;  ///< DT_*
  bool is_kept = true;
};

/// getdents(2), getdents64(2), readdir(2).
SysSet listing_calls();

/// On exit of one of them: `change` sees each entry, and may change all but its name.  If none is
/// kept, the guest asks for the next ones.
void change_listing(Call& call, const std::function<void(ListedEntry&)>& change);

}  // namespace nestp
