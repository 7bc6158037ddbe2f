// The budgets of a socket, as the server counts them. Written by `m4sh budgets --js`; do not edit.
// What a server really gives is in its `welcome.budgets`, under the same names.
export const BUDGETS = {
  ws_address_bytes: {"burst":134217728,"count":33554432,"holder":"address","over":"refuse","period_ms":1000,"unit":"bytes"},
  ws_board_bytes: {"burst":33554432,"count":8388608,"holder":"board","over":"refuse","period_ms":1000,"unit":"bytes"},
  ws_board_deliveries: {"burst":2400000,"count":600000,"holder":"board","over":"refuse","period_ms":1000,"unit":"deliveries"},
  ws_bytes: {"burst":1048576,"count":262144,"holder":"user","over":"refuse","period_ms":1000,"unit":"bytes"},
  ws_chat: {"burst":30,"count":30,"holder":"user","over":"refuse","period_ms":60000,"unit":"talk"},
  ws_class_bytes: {"burst":67108864,"count":16777216,"holder":"class","over":"refuse","period_ms":1000,"unit":"bytes"},
  ws_class_deliveries: {"burst":4000000,"count":1000000,"holder":"class","over":"refuse","period_ms":1000,"unit":"deliveries"},
  ws_cursor: {"burst":20,"count":20,"holder":"user","over":"drop","period_ms":1000,"unit":"presence"},
  ws_cursor_flood: {"burst":60,"count":60,"holder":"user","over":"close","period_ms":1000,"unit":"presence"},
  ws_draw: {"burst":240,"count":60,"holder":"user","over":"refuse","period_ms":1000,"unit":"frames"},
  ws_feed: {"burst":65536,"count":65536,"holder":"connection","over":"drop","period_ms":1000,"unit":"bytes"},
  ws_flood: {"burst":800,"count":400,"holder":"connection","over":"close","period_ms":1000,"unit":"frames"},
  ws_open: {"burst":60,"count":60,"holder":"user","over":"close","period_ms":60000,"unit":"opens"},
  ws_open_address: {"burst":6000,"count":6000,"holder":"address","over":"close","period_ms":60000,"unit":"opens"},
  ws_open_guest: {"burst":600,"count":600,"holder":"address","over":"close","period_ms":60000,"unit":"opens"},
  ws_ops: {"burst":240,"count":60,"holder":"user","over":"refuse","period_ms":1000,"unit":"ops"},
  ws_react: {"burst":60,"count":60,"holder":"user","over":"refuse","period_ms":60000,"unit":"talk"},
  ws_refused: {"burst":240,"count":120,"holder":"user","over":"close","period_ms":60000,"unit":"refusals"},
  ws_talk: {"burst":20,"count":20,"holder":"user","over":"drop","period_ms":1000,"unit":"talk"},
};
