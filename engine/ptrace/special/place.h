// A directory or file that a mount or root call names: where it lies in the view.
#pragma once

#include <string>

#include "engine/ptrace/call_frame.h"
#include "fs/resolve.h"

namespace nestp {

struct Place {
  GuestPath guest = GuestPath::root();  ///< canonical; meaningless if `is_outside`
  HostPath host = HostPath::root();     ///< canonical
  bool is_outside = false;              ///< the view does not show it (a former root's directory)
  bool is_directory = true;
};

/// The existing object at argument `index`, a path from the working directory.
/// Errors: those of the lookup.
SysResult<Place> find_place(CallFrame& frame, int index, LastLink last = LastLink::follow);

}  // namespace nestp
