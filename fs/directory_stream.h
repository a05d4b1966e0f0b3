// A directory that is being read, closed with its owner.
#pragma once

#include <dirent.h>
#include <memory>

namespace nestp {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// Of opendir(3) or fdopendir(3); null: it could not be opened.
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

}  // namespace nestp
