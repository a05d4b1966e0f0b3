// --dev: a /dev with only the devices that any program may expect.
#pragma once

#include <vector>

#include "cli/options.h"
#include "fs/view.h"

namespace nestp {

/// An empty /dev and the host's devices in it.
std::vector<RequestedBinding> device_bindings();

/// The links fd, stdin, stdout and stderr; nothing if the guest's /dev is not the empty one.
void make_device_links(const View& view);

}  // namespace nestp
