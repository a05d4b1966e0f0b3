// From what `nestp install` is given to a directory tree and the settings that go with it.
#pragma once

#include <string>

#include "arch/result.h"
#include "cli/environment/settings.h"

namespace nestp::environment {

struct InstallRequest {
  std::string source{};
  std::string arch{};     ///< empty: this machine's
  std::string sha256{};   ///< of an archive
  bool insecure = false;  ///< a registry without TLS
};

/// Fills the empty directory `root`.  The source is a directory, an archive of a tree or of an
/// image, an OCI layout, the URL of an archive, or an image's name in a registry.
Result<Settings> install_source(const InstallRequest& request, const std::string& root);

/// A name made from a source: "docker.io/library/debian:12" -> "debian-12".
std::string name_for(const std::string& source);

}  // namespace nestp::environment
