// A Request -> the Guest it asks for, or the sentence that says why there is none.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arch/result.h"
#include "cli/options.h"
#include "engine/backend.h"
#include "engine/guest.h"
#include "fs/mount_plan.h"

namespace nestp {

/// What nestp itself was started with.
struct Surroundings {
  std::vector<std::string> environment;  ///< "NAME=value"
  std::string directory;                 ///< working directory on the host, absolute
};

struct PreparedGuest {
  Guest guest;
  /// Placeholders and temporary directories; must outlive the guest.
  std::unique_ptr<SessionDirectory> session;
  std::vector<std::string> warnings;
  /// In the order in which they see a call on entry.
  std::vector<std::unique_ptr<Extension>> extensions;
};

/// Looks everything up on the disk: root file system, bindings, directory, program.
Outcome<PreparedGuest, StartError> make_guest(const Request& request,
                                              const Surroundings& surroundings);

/// The bindings of -R or -S.  `home`: empty if unknown; `rootfs`: absolute.
std::vector<RequestedBinding> preset_bindings(Preset preset, std::string_view home,
                                              const std::string& rootfs);

/// `changes` applied in order; order and duplicates of `environment` are kept.
std::vector<std::string> changed_environment(std::vector<std::string> environment,
                                             std::span<const EnvironmentChange> changes);

/// `path`, or `base` "/" `path` if that is relative.
std::string absolute_path(const std::string& base, const std::string& path);

}  // namespace nestp
