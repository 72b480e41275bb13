# SPDX-License-Identifier: MIT
"""What bench/web.c serves, by FastAPI under uvicorn. Arguments: PORT."""
import sys
from typing import List, Optional

import uvicorn
from fastapi import FastAPI, Path
from pydantic import BaseModel, Field

app = FastAPI()


class NewItem(BaseModel):
    name: str = Field(min_length=1, max_length=80)
    price: float = Field(gt=0)
    qty: int = Field(1, ge=1)
    tags: List[str]
    note: Optional[str] = Field(None, max_length=500)


class Item(BaseModel):
    id: int
    shop: int
    name: str
    total: float
    tags: List[str]


@app.post('/shops/{shop}/items', status_code=201, response_model=Item)
async def create_item(item: NewItem, shop: int = Path(ge=1),
                      dry: bool = False):
    return Item(id=0 if dry else 1, shop=shop, name=item.name,
                total=item.price * item.qty, tags=item.tags)


if __name__ == '__main__':
    uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[1]),
                log_level='critical', access_log=False)
