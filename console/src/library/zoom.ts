// How a picture is enlarged and moved on its stage. Pure; pixels from the middle of the stage.

export interface View {
  /** 1: as large as fits. */
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export const FITTING: View = { scale: 1, x: 0, y: 0 };
const MOST = 12;

/** Enlarge about a point, which stays where it is. */
export function zoomed(
  view: View,
  factor: number,
  point: { x: number; y: number },
  stage: Size,
  picture: Size,
): View {
  const scale = Math.min(MOST, Math.max(1, view.scale * factor));
  const by = scale / view.scale;
  const moved = { scale, x: point.x - (point.x - view.x) * by, y: point.y - (point.y - view.y) * by };
  return kept(moved, stage, picture);
}

/** Move, as far as the picture reaches beyond the stage. */
export function kept(view: View, stage: Size, picture: Size): View {
  const limit = (length: number, room: number) => Math.max(0, (length * view.scale - room) / 2);
  const within = (value: number, most: number) => Math.min(most, Math.max(-most, value)) || 0;
  return {
    scale: view.scale,
    x: within(view.x, limit(picture.width, stage.width)),
    y: within(view.y, limit(picture.height, stage.height)),
  };
}
